-- The split of test/bench/split.sh as plain SQL: one INSERT ... SELECT with
-- sum() OVER where split_target rounds, the same rows for inner nodes, the same
-- keys, weights, slices and periods.  Its parts do not add up.
INSERT INTO target_split.target (target_id, parent_id, split_id, member_id, lineage_id, plan_id, metric_id,
								 n_children, depth, level, period, amount, weight, slice)
WITH leaf AS MATERIALIZED (
	SELECT p.member_id AS p, a.member_id AS a, pe.period, w.weight,
		   p.slice_value AS p_value, a.slice_value AS a_value,
		   round(:amount * w.weight / sum(w.weight) OVER (), 2) AS amount
	FROM w
	JOIN target_split.member p ON p.dimension_id = :product AND p.code = w.product
	JOIN target_split.member a ON a.dimension_id = :account AND a.code = w.account
	JOIN week pe ON pe.period_start = w.week
), product AS MATERIALIZED (
	SELECT nextval('target_split.target_target_id_seq') AS id, p, p_value, sum(amount) AS amount, sum(weight) AS weight, count(DISTINCT a) AS n
	FROM leaf GROUP BY p, p_value
), account AS MATERIALIZED (
	SELECT nextval('target_split.target_target_id_seq') AS id, p, a, a_value, sum(amount) AS amount, sum(weight) AS weight, count(*) AS n
	FROM leaf GROUP BY p, a, a_value
)
SELECT id, :root, NULL::bigint, p, id, :plan, :metric, n, 1, 'product', :'period', amount, weight, jsonb_build_object('product', p_value)
FROM product
UNION ALL
SELECT c.id, p.id, NULL::bigint, c.a, c.id, :plan, :metric, c.n, 2, 'account', :'period', c.amount, c.weight,
	   jsonb_build_object('product', p.p_value, 'account', c.a_value)
FROM account c JOIN product p ON p.p = c.p
UNION ALL
SELECT l.id, c.id, NULL::bigint, 0, l.id, :plan, :metric, 0, 3, 'week', l.period, l.amount, l.weight,
	   jsonb_build_object('product', l.p_value, 'account', l.a_value)
FROM (SELECT nextval('target_split.target_target_id_seq') AS id, leaf.* FROM leaf) l
JOIN account c ON c.p = l.p AND c.a = l.a;
