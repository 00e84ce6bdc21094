-- The June of a real company: the first quarter is closed; key accounts plus
-- 5 %, and the company plus 5 % that key accounts carry alone.  Goes on from
-- superstore_split.sql.  Every number is compared with sums in plain SQL.
SET client_min_messages = warning;
SET search_path = public, target_split;

SELECT tap.ok(create_plan('June', period => '[2024-01-01,2025-01-01)') > 0, 'plan');
SELECT tap.ok(set_target('June', 'sales', growth => 0.20) > 0, 'overall target');
SELECT tap.same((SELECT count(*) FROM split_target(root_target('June', 'sales'), '{product_line,customer_type,market,month}')), 714,
				'split by product line, customer type, market and month');
SELECT tap.same((SELECT count(*) FROM lock_target(plan => 'June', metric => 'sales', period => '[2024-01-01,2024-04-01)', reason => 'closed')),
				162, 'the first quarter is closed');
CREATE TABLE june AS SELECT t.* FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'June';
CREATE VIEW moved AS SELECT t.target_id, t.depth, t.slice, t.period, t.locked, t.amount, j.amount AS before
FROM target t JOIN june j USING (plan_id, target_id);

-- key accounts plus 5 %, three months locked; the other customer types give
SELECT tap.same((SELECT sum(difference) FROM adjust_target(plan => 'June', metric => 'sales', slice => '{"customer_type": "公司"}', growth => 0.05)
				 WHERE role = 'adjusted'),
				(SELECT round(sum(amount) * 1.05, 2) - sum(amount) FROM june WHERE depth = 2 AND slice ->> 'customer_type' = '公司'),
				'key accounts get 5 % more, to the cent');
SELECT tap.none($$SELECT * FROM moved WHERE depth < 2 AND amount <> before$$, 'the product lines and the company stay');
SELECT tap.none($$SELECT * FROM moved WHERE locked AND amount <> before$$, 'what is closed stays');
SELECT tap.none($$SELECT * FROM moved m WHERE depth = 2 AND slice ->> 'customer_type' = '公司' AND abs(amount - before * 1.05) >= 0.01$$,
				'each product line''s key accounts get 5 %');
SELECT tap.none($$SELECT * FROM (SELECT slice ->> 'product_line', amount / before AS rate, min(amount / before) OVER w AS low, max(amount / before) OVER w AS high, min(before) OVER w AS least
	FROM moved WHERE depth = 2 AND slice ->> 'customer_type' <> '公司' WINDOW w AS (PARTITION BY slice ->> 'product_line')) x WHERE high - low > 0.02 / least$$,
				'the two others of a product line give at one rate');
SELECT tap.none($$SELECT * FROM plan_check WHERE plan = 'June'$$, 'plan_check finds nothing');

-- the company plus 5 %, carried by key accounts alone
DROP VIEW moved;
DROP TABLE june;
CREATE TABLE june AS SELECT t.* FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'June';
CREATE VIEW moved AS SELECT t.target_id, t.depth, t.slice, t.period, t.locked, t.amount, j.amount AS before
FROM target t JOIN june j USING (plan_id, target_id);
SELECT tap.same((SELECT max(amount_after) FROM adjust_target(root_target('June', 'sales'), growth => 0.05, absorb => 'root', carried_by => '{"customer_type": "公司"}')),
				(SELECT round(amount * 1.05, 2) FROM june WHERE depth = 0), 'the company gets 5 % more');
SELECT tap.none($$SELECT * FROM moved WHERE slice ->> 'customer_type' <> '公司' AND amount <> before$$, 'nobody but key accounts changes');
SELECT tap.same((SELECT sum(amount - before) FROM moved WHERE depth = 2 AND slice ->> 'customer_type' = '公司'),
				(SELECT amount - before FROM moved WHERE depth = 0), 'they carry all of it');
SELECT tap.none($$SELECT * FROM moved, (SELECT sum(amount) / sum(before) AS rate FROM moved WHERE depth = 2 AND slice ->> 'customer_type' = '公司') r
	WHERE depth = 2 AND slice ->> 'customer_type' = '公司' AND abs(amount - before * rate) >= 0.02$$, 'at one rate');
SELECT tap.none($$SELECT * FROM moved WHERE locked AND amount <> before$$, 'what is closed stays');
SELECT tap.none($$SELECT * FROM plan_check WHERE plan = 'June'$$, 'plan_check finds nothing');
DROP VIEW moved;
DROP TABLE june;
