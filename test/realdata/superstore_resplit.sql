-- The board wants more: another total in March, with the first quarter closed
-- and one month set by hand; then another basis.  Goes on from
-- superstore_split.sql.  The exact share of every target is worked out in
-- plain SQL from the weights and from what is kept.
SET client_min_messages = warning;
SET search_path = public, target_split;

SELECT tap.ok(create_plan('Board', period => '[2024-01-01,2025-01-01)') > 0, 'plan');
SELECT tap.ok(set_target('Board', 'sales', growth => 0.20) > 0, 'overall target');
SELECT tap.same((SELECT count(*) FROM split_target(root_target('Board', 'sales'), '{product_line,customer_type,market,month}')), 714,
				'split by product line, customer type, market and month');
SELECT tap.same((SELECT count(*) FROM lock_target(plan => 'Board', metric => 'sales', period => '[2024-01-01,2024-04-01)', reason => 'closed')),
				162, 'the first quarter is closed');
SELECT tap.same((SELECT count(*) FROM adjust_target(plan => 'Board', metric => 'sales', slice => '{"product_line": "家具", "customer_type": "公司", "market": "华东"}',
													period => '[2024-06-01,2024-07-01)', amount => 30000, reason => 'a tender')), 9,
				'June of one slice set by hand');
CREATE TABLE before AS SELECT t.* FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'Board';

-- Exact shares, level by level: what is kept is taken from its parent's share, the others have the rest by weight.
CREATE VIEW exact AS
WITH RECURSIVE share AS (
	SELECT t.target_id, t.amount AS exact, false AS held FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'Board' AND t.depth = 0
	UNION ALL
	SELECT c.target_id,
		   CASE WHEN c.locked OR c.adjusted THEN c.amount
				ELSE (s.exact - COALESCE(sum(c.amount) FILTER (WHERE c.locked OR c.adjusted) OVER parts, 0)) * c.weight
					 / sum(c.weight) FILTER (WHERE NOT c.locked AND NOT c.adjusted) OVER parts END,
		   c.locked OR c.adjusted
	FROM share s JOIN target c ON c.parent_id = s.target_id JOIN plan p ON p.plan_id = c.plan_id AND p.family = 'Board'
	WINDOW parts AS (PARTITION BY c.parent_id)
)
SELECT s.target_id, s.exact, s.held, t.amount, b.amount AS before, t.depth
FROM share s JOIN target t USING (target_id) JOIN before b USING (target_id);

CREATE TABLE told AS SELECT * FROM resplit_target(root_target('Board', 'sales'), amount => 7000000, reason => 'the board');
SELECT tap.none($$SELECT * FROM plan_check WHERE plan = 'Board'$$, 'sums are exact on every level');
SELECT tap.same((SELECT amount FROM exact WHERE depth = 0), 7000000, 'the company has its new total');
SELECT tap.none($$SELECT * FROM exact WHERE held AND amount <> before$$, 'what is closed or set by hand stays');
SELECT tap.same((SELECT count(*) FROM exact WHERE held), 163, 'all of it');
SELECT tap.none($$SELECT * FROM exact WHERE NOT held AND abs(amount - exact) >= 0.01$$, 'everything else is its exact share rounded down or up');
SELECT tap.none($$SELECT target_id, amount_before, amount_after FROM told WHERE role = 'changed' EXCEPT SELECT target_id, before, amount FROM exact WHERE amount <> before$$,
				'the report tells what moved');
SELECT tap.same((SELECT count(*) FROM told), (SELECT count(*) FROM exact WHERE amount <> before), 'and all of it');
SELECT tap.none($$SELECT * FROM resplit_target(root_target('Board', 'sales'))$$, 'a second call has nothing to do');
DROP TABLE told;

-- two years as the basis, still around what is kept
CREATE TABLE told AS SELECT * FROM resplit_target(root_target('Board', 'sales'), basis => '[2022-01-01,2024-01-01)');
SELECT tap.none($$SELECT * FROM plan_check WHERE plan = 'Board'$$, 'two years: sums are exact');
SELECT tap.none($$SELECT * FROM exact WHERE held AND amount <> before$$, 'two years: what is kept stays');
SELECT tap.none($$SELECT * FROM exact WHERE NOT held AND abs(amount - exact) >= 0.01$$, 'two years: fair');
SELECT tap.none($$SELECT t.slice, t.period, t.weight FROM target t JOIN plan p USING (plan_id)
				JOIN LATERAL (SELECT COALESCE(sum(o."销售额"), 0) AS sales FROM orders o
							  WHERE o."订单日期" >= '2022-01-01' AND o."订单日期" < '2024-01-01'
								AND extract(month FROM o."订单日期") = extract(month FROM lower(t.period))
								AND o."类别" = t.slice ->> 'product_line' AND o."细分" = t.slice ->> 'customer_type' AND o."区域" = t.slice ->> 'market') o ON true
				WHERE p.family = 'Board' AND t.n_children = 0 AND t.weight <> o.sales$$, 'two years: weights are the sales of both');
SELECT tap.same((SELECT count(*) FROM (SELECT undo_split(split_id) FROM split_log WHERE plan = 'Board' AND in_force) u), 1, 'undone');
SELECT tap.same((SELECT count(*) FROM (SELECT undo_split(split_id) FROM split_log WHERE plan = 'Board' AND in_force) u), 1, 'undone twice');
SELECT tap.none($$SELECT * FROM exact WHERE amount <> before$$, 'all amounts are as before');
SELECT tap.same((SELECT jsonb_agg(to_jsonb(t) - 'root_metric_id' ORDER BY t.target_id) FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'Board'),
				(SELECT jsonb_agg(to_jsonb(b) - 'root_metric_id' ORDER BY target_id) FROM before b), 'and everything else');
DROP VIEW exact;
DROP TABLE before, told;
