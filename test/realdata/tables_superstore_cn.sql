-- The file as it is; some amounts carry the tail of a binary float.
CREATE TABLE "订单文件" (
	"行 ID" integer, "订单 ID" text, "订单日期" date, "发货日期" date, "装运模式" text,
	"客户 ID" text, "客户名称" text, "细分" text, "城市" text, "省/自治区" text,
	"国家/地区" text, "区域" text, "产品 ID" text, "类别" text, "子类别" text,
	"产品名称" text, "销售额" numeric, "数量" integer, "折扣" numeric, "利润" numeric
);
CREATE TABLE people ("区域" text PRIMARY KEY, "区域经理" text);
