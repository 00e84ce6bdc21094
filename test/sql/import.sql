-- import_targets, preview_import and proposals.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA import_test;
SET search_path = import_test, target_split;
SET datestyle = ISO;

SELECT add_metric('sales', 'CNY', 0.01) > 0 AS added;
SELECT add_dimension('market', '{province}') > 0 AS market, add_dimension('line') > 0 AS line;
SELECT count(add_member('market', m)) FROM unnest('{East,West,North}'::text[]) m;
-- Xi is in two markets, so slices name it by its path
SELECT count(add_member('market', p, parent => ARRAY[m])) FROM (VALUES ('East', 'Xi'), ('East', 'Yu'), ('West', 'Ab'), ('West', 'Xi')) v (m, p);
SELECT count(add_member('line', m)) FROM unnest('{A,B}'::text[]) m;
SELECT create_plan('P', '[2024-01-01,2024-07-01)') > 0 AS plan, set_target('P', 'sales', amount => 60000) > 0 AS target;
CREATE VIEW leaf AS
SELECT p.family, t.target_id, t.depth, t.level, t.slice, t.period, t.amount, t.fallback, t.n_children FROM target t JOIN plan p USING (plan_id);

-- ------------------------------------------------ how amounts are written
CREATE TABLE cells (n serial, region text, amount text);
INSERT INTO cells (region, amount) VALUES
	('East', '1234'), ('East', '1,234.5'), ('East', ' 1,234,567.50 '), ('East', '-1,234'), ('East', '(1,234)'), ('East', '+5'),
	('East', '.5'), ('East', '１，２３４．５'), ('East', '（１２）'), ('East', E'\u00a012\u3000'), ('East', '−7'), ('East', '0'), ('East', '0.50'),
	('East', ''), ('East', '  '), ('East', '-'), ('East', '—'), ('East', '－'), ('East', '--'), ('East', NULL);
-- each by itself: two cells for a target would be doubles
CREATE FUNCTION read_cell(cell text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	DELETE FROM cells;
	INSERT INTO cells (region, amount) VALUES ('East', cell);
	SELECT outcome, p.amount INTO r FROM preview_import('P', 'sales', 'cells', '{"market": "region"}', amount => 'amount') p
	WHERE outcome IN ('new', 'blank', 'not an amount', 'not a multiple', 'too large') ORDER BY 1 LIMIT 1;
	RETURN COALESCE(r.amount::text, r.outcome);
END
$$;
CREATE TABLE texts AS SELECT n, amount FROM cells;
SELECT quote_nullable(amount) AS cell, read_cell(amount) FROM texts ORDER BY n;
SELECT quote_nullable(amount) AS cell, read_cell(amount)
FROM unnest('{"1,23","1,2345","12,34,567","0,123","1.234,5","1.234.567","1 234","12.","1,234,",",123","()","(-5)","(5","5)","--5","---","+","1-2","5-","5k","5%","5万","¥5","N/A","无","1e3","NaN","Infinity","0x10","12.345","1234567890123456789012345678901234567"}'::text[]) AS amount;

-- ------------------------------------- a wide sheet: new targets, all at once
CREATE TABLE "年度 ""目标""" ("区域" text, "1月" text, "2月" text, "3月" text, "4月" text, "5月" text, "6月" text, "合计" text);
-- in 万元, with totals of rows and of columns
INSERT INTO "年度 ""目标""" VALUES
	('East', '１', '0.5', '0.5', '1', '-', '0.5', '3.5'),
	('West', '(0.5)', '1', '0.5', '0.5', '0.5', '0.5', '2.5'),
	('合计', '0.5', '1.5', '1', '1.5', '0.5', '1', '6'), (NULL, '', ' ', NULL, NULL, NULL, NULL, NULL);
PREPARE wide (text, text, text) AS
SELECT outcome, level, slice, period, amount_before, amount, difference, sheet_row, sheet_column, cell, problem
FROM preview_import('P', 'sales', '"年度 ""目标"""', '{"market": "区域"}', months => '{1月,2月,3月,4月,5月,6月}', scale => 10000,
					total_column => '合计', total_row => '合计', on_blank => $1, absorb => $2, on_total => $3);
BEGIN READ ONLY;
EXECUTE wide('missing', 'none', 'error');
COMMIT;
SELECT count(*) FROM leaf;
CREATE TEMP TABLE previewed AS EXECUTE wide('missing', 'none', 'error');
CREATE TEMP TABLE imported AS
SELECT * FROM import_targets('P', 'sales', '"年度 ""目标"""', '{"market": "区域"}', months => '{1月,2月,3月,4月,5月,6月}', scale => 10000,
							 total_column => '合计', total_row => '合计', on_blank => 'missing', reason => 'the board''s sheet');
SELECT count(*) AS rows, (SELECT count(*) FROM (SELECT outcome, slice, period, amount FROM imported EXCEPT ALL
												SELECT outcome, slice, period, amount FROM previewed) x) AS different FROM imported;
SELECT depth, level, slice, period, amount, fallback FROM leaf ORDER BY target_id;
SELECT * FROM plan_check;
SELECT by_levels, method, fallbacks, n_split, n_created, in_force, reason FROM split_log;
SELECT method, weight, split_call FROM explain_target(plan => 'P', metric => 'sales', slice => '{"market": "East"}', period => '[2024-05-01,2024-06-01)')
WHERE step = 2 AND split_call ~ '^SELECT' \gset
SELECT :'method' AS method, regexp_replace(:'split_call', ' -- .*', '') AS split_call;
-- the call that is shown can be made again: nothing changes
SELECT count(*), sum(difference) FROM (SELECT * FROM preview_import('P', 'sales', '"年度 ""目标"""', '{"market": "区域"}',
	months => '{1月,2月,3月,4月,5月,6月}', scale => 10000, on_blank => 'keep', total_row => '合计')) x;

-- --------------------------------------------- existing targets, and errors
CREATE TABLE sheet (region text, jan text, feb text, mar text, apr text, may text, jun text);
PREPARE imp (text, text) AS
SELECT outcome, slice, period, amount_before, amount, difference
FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar,apr,may,jun}', on_blank => $1, absorb => $2);
INSERT INTO sheet VALUES ('East', '11000', '5000', '5000', '10000', '0', '5000');
EXECUTE imp('error', 'none');
EXECUTE imp('error', 'root');
SELECT * FROM plan_check;
SELECT amount_before, amount_after, split_id, reason FROM revision ORDER BY revision_id;
-- one month up, another down: the parent stays
UPDATE sheet SET jan = '10000', feb = '6000';
EXECUTE imp('error', 'none');
-- between markets: East and West follow, the whole stays
INSERT INTO sheet VALUES ('West', '-5000', '11000', '5000', '5000', '5000', '5000');
UPDATE sheet SET jan = '9000' WHERE region = 'East';
EXECUTE imp('error', 'none');
SELECT outcome, slice, period, amount_before, amount FROM preview_import('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar,apr,may,jun}', absorb => 'root')
WHERE amount <> amount_before;
-- blanks: an error; kept; or whatever the parent leaves, in proportion
UPDATE sheet SET jan = '9000', apr = '-', jun = ' ' WHERE region = 'East';
UPDATE sheet SET feb = '10000' WHERE region = 'West';
EXECUTE imp('error', 'none');
EXECUTE imp('keep', 'none');
SELECT outcome, period, amount_before, amount FROM preview_import('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar,apr,may,jun}', on_blank => 'missing')
WHERE slice = '{"market": "East"}';
EXECUTE imp('zero', 'none');
-- what cannot be read, what is unknown, twice, no multiple
UPDATE sheet SET jan = '1.234,5', feb = 'n/a' WHERE region = 'East';
EXECUTE imp('keep', 'none');
TRUNCATE sheet;
INSERT INTO sheet VALUES ('East', '10000', '6000', '5000', '10000', '0', '5000'), ('Ware House', 1, 1, 1, 1, 1, 1), ('O''Hara', 1, 1, 1, 1, 1, 1);
EXECUTE imp('error', 'none');
SELECT outcome, sheet_row, cell, problem FROM preview_import('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar,apr,may,jun}') WHERE problem IS NOT NULL;
SELECT outcome, count(*), sum(difference) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar,apr,may,jun}', on_unknown => 'skip') GROUP BY 1 ORDER BY 1;
INSERT INTO sheet SELECT 'nobody ' || n FROM generate_series(1, 30) n;
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar,apr,may,jun}');
TRUNCATE sheet;
INSERT INTO sheet VALUES ('East', '10000', '6000', '5000', '10000', '0', '5000'), ('East', '1', NULL, NULL, NULL, NULL, NULL);
EXECUTE imp('keep', 'none');
TRUNCATE sheet;
INSERT INTO sheet VALUES ('East', '10000.005', '6000', '5000', '10000', '0', '5000');
EXECUTE imp('keep', 'none');
UPDATE sheet SET jan = '1' || repeat('0', 40);
EXECUTE imp('keep', 'none');
TRUNCATE sheet;
EXECUTE imp('keep', 'none');
-- a member without a target, where the tree is split already
INSERT INTO sheet VALUES ('North', '1', '2', '3', '4', '5', '6');
EXECUTE imp('keep', 'root');
-- stated totals
SELECT outcome, sheet_row, sheet_column, cell, amount, difference, problem FROM preview_import('P', 'sales', '"年度 ""目标"""', '{"market": "区域"}', months => '{1月,2月,3月}',
	scale => 10000, total_column => '合计', total_row => '合计') WHERE problem IS NOT NULL AND outcome LIKE '%total';
UPDATE "年度 ""目标""" SET "3月" = '1.5' WHERE "区域" = '合计';
SELECT count(*) FROM import_targets('P', 'sales', '"年度 ""目标"""', '{"market": "区域"}', months => '{1月,2月,3月,4月,5月,6月}', scale => 10000, on_blank => 'keep', total_row => '合计');
UPDATE "年度 ""目标""" SET "合计" = '(3.6)' WHERE "区域" = 'East';
SELECT count(*) FROM import_targets('P', 'sales', '"年度 ""目标"""', '{"market": "区域"}', months => '{1月,2月,3月,4月,5月,6月}', scale => 10000, on_blank => 'keep', total_row => '合计', total_column => '合计');
SELECT outcome, count(*) FROM import_targets('P', 'sales', '"年度 ""目标"""', '{"market": "区域"}', months => '{1月,2月,3月,4月,5月,6月}', scale => 10000, on_blank => 'keep', total_row => '合计', total_column => '合计', on_total => 'accept') GROUP BY 1 ORDER BY 1;

-- ------------------------------- named targets take their own parts along
CREATE TABLE yearly (region text, amount numeric);
INSERT INTO yearly VALUES ('East', 36000), ('West', 26000);
-- West has a negative month
SELECT count(*) FROM import_targets('P', 'sales', 'yearly', '{"market": "region"}', amount => 'amount', absorb => 'root');
UPDATE sheet SET region = 'West', jan = '5000', feb = '10000', mar = '5000', apr = '5000', may = '5000', jun = '5000';
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar,apr,may,jun}', absorb => 'root');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{line}', method => 'weights', weights => '{"A": 2, "B": 1}');
UPDATE yearly SET amount = CASE region WHEN 'East' THEN 33000 ELSE 38000 END;
SELECT outcome, count(*), sum(amount) FROM preview_import('P', 'sales', 'yearly', '{"market": "region"}', amount => 'amount') GROUP BY 1 ORDER BY 1;
-- a lock and bounds below hold
UPDATE target SET locked = true WHERE slice = '{"market": "East"}' AND period = '[2024-01-01,2024-02-01)';
UPDATE target SET at_most = 6000 WHERE slice = '{"market": "East"}' AND period = '[2024-02-01,2024-03-01)';
UPDATE target SET at_least = 4900 WHERE slice = '{"market": "East"}' AND period = '[2024-03-01,2024-04-01)';
UPDATE yearly SET amount = CASE region WHEN 'East' THEN 40000 ELSE 31000 END;
SELECT slice, period, amount_before, amount FROM preview_import('P', 'sales', 'yearly', '{"market": "region"}', amount => 'amount')
WHERE slice = '{"market": "East"}' ORDER BY 2;
UPDATE yearly SET amount = CASE region WHEN 'East' THEN 33000 ELSE 38000 END;
SELECT count(*) FROM import_targets('P', 'sales', 'yearly', '{"market": "region"}', amount => 'amount');
SELECT * FROM plan_check;
SELECT slice, period, amount, locked, at_least, at_most FROM target WHERE slice = '{"market": "East"}' ORDER BY period;
UPDATE yearly SET amount = 5000 WHERE region = 'East';
SELECT count(*) FROM import_targets('P', 'sales', 'yearly', '{"market": "region"}', amount => 'amount', absorb => 'root');
UPDATE sheet SET region = 'East', jan = '1', feb = 5500, mar = 1;
SELECT outcome, slice, period, problem FROM preview_import('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar}', absorb => 'root') WHERE problem IS NOT NULL;
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar}', absorb => 'root');
UPDATE sheet SET jan = '10000';
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar}', absorb => 'root');
UPDATE target SET locked = false, at_least = NULL, at_most = NULL WHERE locked OR at_least IS NOT NULL OR at_most IS NOT NULL;
-- all at a bound; all 0
UPDATE target SET at_most = amount WHERE slice = '{"market": "West"}' AND level = 'month';
UPDATE yearly SET amount = CASE region WHEN 'East' THEN 0 ELSE 99999 END;
SELECT count(*) FROM import_targets('P', 'sales', 'yearly', '{"market": "region"}', amount => 'amount', absorb => 'root');
UPDATE target SET at_most = NULL WHERE at_most IS NOT NULL;
UPDATE yearly SET amount = CASE region WHEN 'East' THEN 0 ELSE 71000 END;
SELECT count(*) FROM import_targets('P', 'sales', 'yearly', '{"market": "region"}', amount => 'amount');
UPDATE yearly SET amount = CASE region WHEN 'East' THEN 1000 ELSE 70000 END;
SELECT count(*) FROM import_targets('P', 'sales', 'yearly', '{"market": "region"}', amount => 'amount');
SELECT * FROM plan_check;
-- the target and all its parts named, and disagreeing
CREATE TABLE both_levels (region text, span text, amount numeric);
INSERT INTO both_levels VALUES ('East', '[2024-01-01,2024-07-01)', 30000), ('East', '2024-01', 1), ('East', '2024-02', 1), ('East', '2024-03', 1),
	('East', '2024-04', 1), ('East', '2024-05', 1), ('East', '2024-06', 1);
SELECT count(*) FROM import_targets('P', 'sales', 'both_levels', '{"market": "region"}', amount => 'amount', period => 'span', absorb => 'root');

-- -------------------------------------- periods: labels, days, ranges, columns
SELECT unsplit_target(root_target('P', 'sales')) > 0 AS unsplit;
SELECT set_target('P', 'sales', amount => 60000) > 0 AS set;
CREATE TABLE long_form (region text, label text, day date, moment timestamp, local timestamptz, span daterange, amount integer);
INSERT INTO long_form
SELECT r, to_char(d, 'YYYY-MM'), d::date + 10, d::date + 10, d::date + 10, daterange(d::date, (d + interval '1 month')::date), 5000
FROM unnest('{East,West}'::text[]) r, generate_series('2024-01-01'::timestamp, '2024-06-01', '1 month') d;
SELECT c AS period, count(*), md5(string_agg(concat(p.outcome, p.slice, p.period, p.amount), ',')) = (SELECT md5(string_agg(concat(q.outcome, q.slice, q.period, q.amount), ','))
	FROM preview_import('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'label') q) AS same
FROM unnest('{label,day,moment,span}'::text[]) c, LATERAL preview_import('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => c) p
WHERE problem IS NULL GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM preview_import('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'local');
SELECT outcome, level, period, amount FROM preview_import('P', 'sales', 'long_form', '{}', amount => 'amount', period => 'day', grain => 'quarter') LIMIT 2;
INSERT INTO long_form VALUES ('East', '2024-07', '2024-07-01', '2024-07-01', NULL, '[2024-06-01,)', 1), ('East', 'Juli', 'infinity', NULL, NULL, '[2024-06-15,2024-07-15)', 1);
SELECT count(*) FROM import_targets('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'label');
SELECT outcome, sheet_row, cell, problem FROM preview_import('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'span') WHERE outcome = 'unknown period';
DELETE FROM long_form WHERE label NOT BETWEEN '2024-01' AND '2024-06';
-- column totals of the long form
INSERT INTO long_form VALUES ('all', '2024-01', NULL, NULL, NULL, NULL, 10001), ('all', '2024-02', NULL, NULL, NULL, NULL, 10000);
SELECT outcome, sheet_row, period, cell, problem FROM preview_import('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'label', total_row => 'all') WHERE problem IS NOT NULL;
-- half a plan is a gap, which a blank fills
DELETE FROM long_form WHERE region = 'all' OR region = 'West' AND label > '2024-04';
UPDATE long_form SET amount = 7500 WHERE region = 'West';
SELECT count(*) FROM import_targets('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'label');
INSERT INTO long_form VALUES ('West', '2024-05', NULL, NULL, NULL, NULL, NULL), ('West', '2024-06', NULL, NULL, NULL, NULL, NULL);
SELECT count(*) FROM import_targets('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'label', on_blank => 'keep');
SELECT outcome, count(*) FROM import_targets('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'label', on_blank => 'missing') GROUP BY 1;
SELECT level, slice, period, amount, fallback FROM leaf WHERE family = 'P' AND amount = 0;
SELECT * FROM plan_check;
-- quarters and months in one sheet: the quarters are checked, the row's total counts each once
SELECT unsplit_target(root_target('P', 'sales')) > 0 AS unsplit;
CREATE TABLE quarters (region text, q1 numeric, m1 numeric, m2 numeric, m3 numeric, q2 numeric, total numeric);
INSERT INTO quarters VALUES ('East', 15000, 5000, 5000, 5000, 15000, 30000), ('West', 15000, 4000, 5000, 5000, 15000, 30001);
SELECT outcome, level, slice, period, amount, problem
FROM preview_import('P', 'sales', 'quarters', '{"market": "region"}', total_column => 'total',
					periods => '{"2024-Q1": "q1", "2024-01": "m1", "2024-02-14": "m2", "[2024-03-01,2024-04-01)": "m3", "FY2024-Q2": "q2"}');
SELECT count(*) FROM import_targets('P', 'sales', 'quarters', '{"market": "region"}', periods => '{"2024-Q1": "q1", "2024-01": "m1", "2024-02": "m2", "2024-03": "m3", "FY2024-Q2": "q2"}');

-- ------------------------------------------ levels of the sheet, and of by
-- a region and its towns in one sheet: by month first, as the towns are parts of the region
CREATE TABLE towns (region text, town text, jan numeric, rest numeric);
INSERT INTO towns VALUES ('East', NULL, 4000, 26000), ('East', 'Xi', 1000, 6000), ('East', 'Yu', 3000, 20000), ('West', NULL, 6000, 24000), ('West', 'Xi', 6000, 24000);
SELECT outcome, level, slice, period, amount, sheet_row, sheet_column, problem
FROM preview_import('P', 'sales', 'towns', '{"market": "region", "province": "town"}', periods => '{"2024-Q1": "jan", "2024-Q2": "rest"}');
-- codes of any level in one column
CREATE VIEW codes AS SELECT COALESCE(CASE WHEN town = 'Xi' THEN '["' || region || '", "Xi"]' END, town, region) AS code, jan, rest FROM towns;
SELECT count(*), count(problem) FROM preview_import('P', 'sales', 'codes', '{"market": "code"}', periods => '{"2024-Q1": "jan", "2024-Q2": "rest"}');
UPDATE towns SET jan = 3500 WHERE town = 'Yu';
SELECT count(*) FROM import_targets('P', 'sales', 'codes', '{"market": "code"}', periods => '{"2024-Q1": "jan", "2024-Q2": "rest"}');
UPDATE towns SET jan = 3000 WHERE town = 'Yu';
-- members first does not fit such a sheet; it does fit the towns alone, with the level above them
SELECT count(*) FROM import_targets('P', 'sales', 'codes', '{"market": "code"}', periods => '{"2024-Q1": "jan", "2024-Q2": "rest"}', by => '{market,province,quarter}');
CREATE VIEW towns_only AS SELECT * FROM towns WHERE town IS NOT NULL;
SELECT level, slice, period, amount FROM import_targets('P', 'sales', 'towns_only', '{"market": "region", "province": "town"}', periods => '{"2024-Q1": "jan", "2024-Q2": "rest"}', by => '{half,market,province,quarter}');
SELECT * FROM plan_check;
-- a code that several members have, and a town of another region
CREATE TABLE bad_codes (region text, town text, amount numeric);
INSERT INTO bad_codes VALUES (NULL, 'Xi', 1), ('East', 'Ab', 2), ('West', 'Zz', 3), ('East', '', 4);
SELECT count(*) FROM import_targets('P', 'sales', 'bad_codes', '{"market": "region", "province": "town"}', amount => 'amount');
SELECT outcome, slice, sheet_row, cell, problem FROM preview_import('P', 'sales', 'bad_codes', '{"market": "region", "province": "town"}', amount => 'amount') WHERE problem IS NOT NULL;

-- old codes of renamed and merged members
SELECT count(*) > 0 AS line FROM rename_member('line', 'B', 'Bee');
SELECT count(*) > 0 AS town FROM rename_member('market', '["East", "Yu"]', 'Yuan');
CREATE TABLE old_codes (market text, town text, line text, amount numeric);
INSERT INTO old_codes VALUES ('Yu', 'Yu', 'B', 1), ('Yuan', 'Yuan', 'Bee', 2);
SELECT outcome, sheet_row, cell, problem FROM preview_import('P', 'sales', 'old_codes', '{"market": "market", "line": "line"}', amount => 'amount') WHERE outcome = 'unknown member';
UPDATE old_codes SET market = 'East';
SELECT outcome, sheet_row, cell, problem FROM preview_import('P', 'sales', 'old_codes', '{"market": "market", "province": "town", "line": "line"}', amount => 'amount') WHERE outcome = 'unknown member';

-- --------------------------------------------------- there and back again
SELECT create_plan('Y', '[2024-01-01,2025-01-01)') > 0 AS plan, set_target('Y', 'sales', amount => 123456.78) > 0 AS target;
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{market,province,line,month}', method => 'equal');
CREATE TABLE back AS SELECT slice ->> 'market' AS market, slice ->> 'line' AS line, m01, m02, m03, m04, m05, m06, m07, m08, m09, m10, m11, m12, total FROM target_wide WHERE plan = 'Y';
-- through a file, as \copy writes and reads it
\set file `mktemp "${TMPDIR:-/tmp}/target_split_import.XXXXXX"`
\set copy_out '\\copy back TO ' :'file' ' (FORMAT csv, HEADER)'
\set copy_in '\\copy returned FROM ' :'file' ' (FORMAT csv, HEADER)'
CREATE TABLE returned (market text, line text, m01 text, m02 text, m03 text, m04 text, m05 text, m06 text, m07 text, m08 text, m09 text, m10 text, m11 text, m12 text, total text);
:copy_out
:copy_in
\setenv TS_IMPORT_FILE :file
\! rm -f "$TS_IMPORT_FILE"
SELECT outcome, count(*), sum(abs(difference)) FROM preview_import('Y', 'sales', 'returned', '{"market": "market", "line": "line"}',
	months => '{m01,m02,m03,m04,m05,m06,m07,m08,m09,m10,m11,m12}', total_column => 'total') GROUP BY 1;
-- into an empty plan: the same tree
SELECT create_plan('Z', '[2024-01-01,2025-01-01)') > 0 AS plan, set_target('Z', 'sales', amount => 123456.78) > 0 AS target;
SELECT outcome, count(*) FROM import_targets('Z', 'sales', 'returned', '{"market": "market", "line": "line"}',
	months => '{m01,m02,m03,m04,m05,m06,m07,m08,m09,m10,m11,m12}', total_column => 'total', by => '{market,province,line,month}') GROUP BY 1;
SELECT depth, level, slice, period, amount FROM leaf WHERE family = 'Y' EXCEPT SELECT depth, level, slice, period, amount FROM leaf WHERE family = 'Z';
SELECT count(*) FROM leaf WHERE family = 'Z';
SELECT * FROM plan_check;

-- ------------------------------------------------------------- proposals
CREATE TABLE bottom_up (market text, line text, jan text, feb text);
INSERT INTO bottom_up VALUES ('["East", "Xi"]', 'A', '1,500', '-'), ('["East", "Xi"]', 'B', '1,286.01', '1300');
SELECT outcome, count(*), sum(amount_before) AS target, sum(amount) AS proposed, sum(difference) AS gap FROM preview_import('Y', 'sales', 'bottom_up', '{"market": "market", "line": "line"}',
	months => '{jan,feb}', on_blank => 'missing', import_as => 'proposal') GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM import_targets('Y', 'sales', 'bottom_up', '{"market": "market", "line": "line"}', months => '{jan,feb}', on_blank => 'missing', import_as => 'proposal', reason => 'first round');
UPDATE bottom_up SET jan = '1400' WHERE line = 'A';
SELECT count(*) FROM import_targets('Y', 'sales', 'bottom_up', '{"market": "market", "line": "line"}', months => '{jan,feb}', on_blank => 'keep', import_as => 'proposal', reason => 'second round');
SELECT count(*), count(DISTINCT target_id), min(proposed_by::text) = current_user AS by_me FROM proposal;
SELECT level, slice, period_start, amount, proposed, gap, gap_share, n_below, amount_below, proposed_below, gap_below, reason FROM proposal_gap ORDER BY depth, slice::text, period_start;
-- a proposal for the whole stands for what is above; those below it count for it alone
SELECT count(*) FROM import_targets('Y', 'sales', 'yearly', '{"market": "region"}', amount => 'amount', import_as => 'proposal');
SELECT level, slice, amount, proposed, gap, n_below, proposed_below FROM proposal_gap WHERE depth <= 1 ORDER BY depth, slice::text;
SELECT sum(amount) FROM leaf WHERE family = 'Y' AND n_children = 0;
SELECT count(*) FROM import_targets('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'label', on_blank => 'missing', import_as => 'proposal');

-- ------------------------------------------------------- members that catch
SELECT create_plan('R', '[2024-01-01,2024-02-01)') > 0 AS plan, set_target('R', 'sales', amount => 100) > 0 AS target;
SELECT add_member('market', 'Others', is_rest => true) > 0 AS rest;
CREATE TABLE with_rest (region text, amount numeric);
INSERT INTO with_rest VALUES ('East', 60), ('Others', 40);
SELECT outcome, slice, amount FROM import_targets('R', 'sales', 'with_rest', '{"market": "region"}', amount => 'amount');
-- West is one of the others, and has no target of its own
UPDATE with_rest SET region = 'West' WHERE region = 'Others';
SELECT count(*) FROM import_targets('R', 'sales', 'with_rest', '{"market": "region"}', amount => 'amount');

-- ------------------------------------------------------------- arguments
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', amount => 'jan');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', period => 'jan');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', amount => 'jan', total_column => 'feb');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan,feb,mar,apr,may,jun,jan}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{january}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "regio"}', months => '{jan}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"markt": "region"}', months => '{jan}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": ["region"]}', months => '{jan}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '["market"]', months => '{jan}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', periods => '{"2025-01": "jan"}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', periods => '{"2024-01": 1}');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', periods => '[]');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', amount => 'jan', period => 'feb', grain => 'decade');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', scale => 0);
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', scale => 'NaN');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', on_blank => 'null');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', on_unknown => 'add');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', absorb => 'all');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', import_as => 'plan');
SELECT count(*) FROM import_targets('P', 'sales', 'sheet', '{"market": "region"}', months => '{jan}', by => '{planet}');
SELECT count(*) FROM import_targets('P', 'sales', NULL, '{"market": "region"}', months => '{jan}');
SELECT count(*) FROM import_targets(NULL, 'sales', 'sheet', '{"market": "region"}', months => '{jan}');
SELECT count(*) FROM import_targets('Q', 'sales', 'sheet', '{"market": "region"}', months => '{jan}');
SELECT count(*) FROM import_targets('P', 'pieces', 'sheet', '{"market": "region"}', months => '{jan}');
SELECT count(*) FROM import_targets('P', 'sales', 'target_root_key', '{"market": "region"}', months => '{jan}');
SELECT count(*) FROM import_targets('P', 'sales', 'long_form', '{"market": "region"}', amount => 'span');
SELECT count(*) FROM import_targets('P', 'sales', 'long_form', '{"market": "region"}', amount => 'amount', period => 'amount');
SELECT add_metric('rate', '%', additive => false) > 0 AS rate, set_target('P', 'rate', amount => 5) > 0 AS target;
SELECT count(*) FROM import_targets('P', 'rate', 'sheet', '{"market": "region"}', months => '{jan}');
-- numbers that are none
CREATE TABLE odd (region text, amount numeric, share float8);
INSERT INTO odd VALUES ('East', 'NaN', 0.1), ('West', 'Infinity', 1e20);
SELECT count(*) FROM import_targets('R', 'sales', 'odd', '{"market": "region"}', amount => 'amount');
SELECT outcome, amount, problem FROM preview_import('R', 'sales', 'odd', '{"market": "region"}', amount => 'share');

DROP SCHEMA import_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
