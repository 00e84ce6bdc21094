-- The files as they are.
CREATE TABLE reseller_sales_file (
	"SalesOrderNumber" text, "OrderDate" date, "ProductKey" integer, "ResellerKey" integer, "EmployeeKey" integer,
	"SalesTerritoryKey" integer, "OrderQuantity" integer, "UnitPrice" numeric, "TotalProductCost" text,
	"SalesAmount" numeric, "StandardCost" text
);
CREATE TABLE reseller_sales_file_202006 (
	"SalesOrderNumber" text, "SalesOrderLineNumber" integer, "OrderDate" date, "DueDate" date, "ShipDate" date,
	"ProductKey" integer, "ResellerKey" integer, "PromotionKey" integer, "EmployeeKey" integer,
	"SalesTerritoryKey" integer, "OrderQuantity" integer, "UnitPrice" numeric, "TotalProductCost" text,
	"SalesAmount" numeric
);
CREATE TABLE product (
	"ProductKey" integer PRIMARY KEY, "Product" text, "StandardCost" text, "Color" text, "Subcategory" text,
	"EnglishProductCategoryName" text
);
CREATE TABLE reseller (
	"ResellerKey" integer PRIMARY KEY, "BusinessType" text, "ResellerName" text, "City" text,
	"StateProvinceName" text, "Country_Region" text
);
CREATE TABLE territory (
	"SalesTerritoryKey" integer PRIMARY KEY, "SalesTerritoryAlternateKey" integer, "SalesTerritoryRegion" text,
	"SalesTerritoryCountry" text, "SalesTerritoryGroup" text
);
CREATE TABLE employee (
	"EmployeeKey" integer PRIMARY KEY, "ParentEmployeeKey" integer, "EmployeeNationalIDAlternateKey" text,
	"SalesTerritoryKey" integer, "FirstName" text, "LastName" text, "Title" text, "HireDate" date,
	"CurrentFlag" text, "SalesPersonFlag" text, "DepartmentName" text, "StartDate" date, "EndDate" date, "Status" text
);
