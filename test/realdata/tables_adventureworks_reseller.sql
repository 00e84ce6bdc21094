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
CREATE TABLE reseller_sales_targets (
	"Year" integer, "EmployeeID" text, "M01" text, "M02" text, "M03" text, "M04" text, "M05" text, "M06" text, "M07" text,
	"M08" text, "M09" text, "M10" text, "M11" text, "M12" text
);
CREATE TABLE sales_quota (
	"SalesQuotaKey" integer, "EmployeeKey" integer, "DateKey" integer, "CalendarYear" integer, "CalendarQuarter" integer,
	"SalesAmountQuota" numeric, "Date" date
);
