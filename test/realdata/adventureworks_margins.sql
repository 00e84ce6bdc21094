-- What the company itself has published as margins over a history by product category and
-- territory: the fiscal year 2020 by the reps' monthly targets, by the vice president's months, by
-- the quarter quotas.  What is odd in them must come out as impossible or as an extreme factor.
SET client_min_messages = warning;
SET search_path = public, target_split;

-- ------------------------------------------------------- the published numbers
CREATE VIEW monthly AS
SELECT s.person AS seller, s.depth, make_date(s.year, s.month, 1) AS month, s.amount
FROM stated s WHERE make_date(s.year, s.month, 1) >= '2019-07-01' AND make_date(s.year, s.month, 1) < '2020-07-01' AND s.amount IS NOT NULL;
-- quotas go from the last quarter of 2010 to the third of 2013, sales from the third of 2017 to the second
-- of 2020: twelve quarters each
CREATE VIEW quota AS
SELECT e."FirstName" || ' ' || e."LastName" AS seller,
	   (make_date(q."CalendarYear", q."CalendarQuarter" * 3 - 2, 1) + interval '6 years 9 months')::date AS quarter, q."SalesAmountQuota" AS amount
FROM sales_quota q JOIN employee e USING ("EmployeeKey");
SELECT tap.same((SELECT count(*) FROM quota), 163, 'every quota is somebody''s');
-- as split_target reads them
CREATE VIEW margin_monthly AS
SELECT '{seller,month}'::text[] AS dimension, ARRAY[seller, month::text] AS member, amount FROM monthly WHERE depth = 3;
CREATE VIEW margin_quota AS
SELECT '{seller,quarter}'::text[] AS dimension, ARRAY[seller, quarter::text] AS member, amount FROM quota
WHERE quarter >= '2019-07-01';
CREATE VIEW margin_vice_president AS
SELECT 'month' AS dimension, month AS member, amount FROM monthly WHERE depth = 1;

CREATE VIEW cell AS
SELECT p.family AS plan, t.slice ->> 'seller' AS seller, t.slice ->> 'category' AS category, t.slice ->> 'territory' AS territory,
	   lower(t.period) AS month, date_trunc('quarter', lower(t.period))::date AS quarter, t.amount
FROM target t JOIN plan p USING (plan_id) WHERE t.n_children = 0 AND p.family LIKE 'Margins%';
CREATE VIEW basis AS
SELECT seller, category, territory, (date_trunc('month', order_date) + interval '1 year')::date AS month, sum(amount) AS amount
FROM reseller_sales WHERE order_date >= '2018-07-01' AND order_date < '2019-07-01' GROUP BY 1, 2, 3, 4;
-- what split_log says of a plan's split, as rows
CREATE FUNCTION factors(plan text) RETURNS TABLE (margin text, member text, total numeric, factor numeric) LANGUAGE sql AS $$
	SELECT e ->> 'margin', e ->> 'member', (e -> 'total')::numeric, (e -> 'factor')::numeric
	FROM split s JOIN plan p USING (plan_id), jsonb_array_elements(s.findings) e
	WHERE p.family = factors.plan AND s.method = 'margins' AND e ? 'factor'
$$;

SELECT tap.same(count(create_plan('Margins' || x, period => '[2019-07-01,2020-07-01)', calendar => 'fiscal')), 3, 'three plans of the fiscal year 2020')
FROM generate_series(1, 3) x;
SELECT tap.ok(set_target('Margins1', 'reseller sales', amount => (SELECT sum(amount) FROM margin_monthly)) > 0, 'as much as all reps have');
SELECT tap.ok(set_target('Margins2', 'reseller sales', amount => (SELECT sum(amount) FROM margin_vice_president)) > 0, 'as much as the vice president has');
SELECT tap.ok(set_target('Margins3', 'reseller sales', amount => (SELECT sum(amount) FROM margin_quota)) > 0, 'as much as all quotas');

-- ------------------------------------------------ the reps' monthly targets
SELECT tap.throws($$SELECT split_target(root_target('Margins1', 'reseller sales'), '{seller,category,territory,month}', method => 'margins',
					margins_from => 'margin_monthly', members => '"active"')$$,
				  '% totals belong to no target that is made', '%Lynn Tsoflias%', '%all%', 'who sold nothing the year before has no part among the active');
SELECT tap.throws($$SELECT split_target(root_target('Margins1', 'reseller sales'), '{seller,category,territory,month}', method => 'margins',
					margins_from => 'margin_monthly')$$,
				  'seller, month Lynn Tsoflias, 2019-07 has a total but nothing to share it among', '%50000.00%', '%', 'nor has a share that a total could follow');
SELECT tap.ok((SELECT count(*) > 8000 FROM split_target(root_target('Margins1', 'reseller sales'), '{seller,category,territory,month}', method => 'margins',
														margins_from => 'margin_monthly', on_zero => 'parent')), 'on_zero => ''parent'' gives them what the others have');
SELECT tap.none($$SELECT seller, month, m.amount, sum(c.amount) FROM cell c LEFT JOIN (SELECT * FROM monthly WHERE depth = 3) m USING (seller, month)
				  WHERE c.plan = 'Margins1' GROUP BY 1, 2, 3 HAVING sum(c.amount) <> COALESCE(m.amount, 0)$$, 'every rep''s every month, to the cent');
SELECT tap.none($$SELECT c.* FROM cell c WHERE c.plan = 'Margins1' AND c.amount > 0
				  AND NOT EXISTS (SELECT FROM basis b WHERE (b.seller, b.category, b.territory, b.month) = (c.seller, c.category, c.territory, c.month))
				  AND EXISTS (SELECT FROM basis b WHERE (b.seller, b.month) = (c.seller, c.month))$$, 'who sold something that month has nothing where they sold nothing');
-- with one margin a part is its share of its group: floor or ceiling
SELECT tap.none($$SELECT c.seller, c.month, c.amount, m.amount * b.amount / s.amount FROM cell c
				  JOIN basis b USING (seller, category, territory, month)
				  JOIN (SELECT seller, month, sum(amount) AS amount FROM basis GROUP BY 1, 2) s USING (seller, month)
				  JOIN (SELECT * FROM monthly WHERE depth = 3) m USING (seller, month)
				  WHERE c.plan = 'Margins1' AND abs(c.amount - m.amount * b.amount / s.amount) >= 0.01$$, 'and their categories and territories as the year before');
SELECT tap.none('SELECT * FROM plan_check WHERE plan = ''Margins1''', 'plan_check has nothing against it');
-- Shu Ito's August is 9,000,000 beside months of 400,000 to 1,000,000
SELECT tap.same((SELECT array_agg(member ORDER BY factor DESC) FILTER (WHERE factor > 3 * middle) FROM (SELECT f.*, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY g.factor) FROM factors('Margins1') g WHERE g.member LIKE 'Shu Ito%') AS middle FROM factors('Margins1') f WHERE f.member LIKE 'Shu Ito%') f),
				'{"Shu Ito, 2019-08"}'::text[], 'the August of Shu Ito, with a slipped decimal, is the one of hers that is far off');

-- ------------------------------------------- the vice president's months
SELECT tap.throws($$SELECT split_target(root_target('Margins3', 'reseller sales'), '{category,month}', method => 'margins', margins_from => 'margin_vice_president')$$,
				  'margin "month" does not add up to the target', '%60000000.00%43240000.00%16760000.00%', '%', 'his months are not the quotas, and by how much');
SELECT tap.throws($$SELECT split_target(root_target('Margins2', 'reseller sales'), '{seller,month}', method => 'margins', margins_from => 'margin_monthly', on_zero => 'parent')$$,
				  'margin "seller, month" asks for more than the target', '%83410000.00%60000000.00%23410000.00%', '%', 'nor what his reps have');
-- his months, with the reps' shares of the year
CREATE VIEW share AS
SELECT seller, round(100 * sum(amount) / 83410000, 4) AS share FROM monthly WHERE depth = 3 AND seller IN (SELECT seller FROM basis) AND seller <> 'Jae Pak' GROUP BY 1;
SELECT tap.ok((SELECT count(*) > 1000 FROM split_target(root_target('Margins2', 'reseller sales'), '{seller,category,territory,month}', method => 'margins', members => '"active"',
	margins => (SELECT jsonb_build_object('seller', jsonb_object_agg(seller, share || '%')) FROM share), margins_from => 'margin_vice_president')),
	'by his months and the reps'' shares of the year');
SELECT tap.none($$SELECT month, m.amount, sum(c.amount) FROM cell c JOIN (SELECT * FROM monthly WHERE depth = 1) m USING (month)
				  WHERE c.plan = 'Margins2' GROUP BY 1, 2 HAVING sum(c.amount) IS DISTINCT FROM m.amount$$, 'his every month, to the cent');
SELECT tap.none($$SELECT seller, sum(amount), 600000 * s.share FROM cell c JOIN share s USING (seller)
				  WHERE c.plan = 'Margins2' GROUP BY 1, s.share HAVING abs(sum(amount) - 600000 * s.share) >= 0.01$$, 'and every rep''s share');
SELECT tap.none('SELECT * FROM plan_check WHERE plan = ''Margins2''', 'plan_check has nothing against it');
-- 30,000 thousand beside 2,000 to 4,000
SELECT tap.same((SELECT array_agg(member) FROM factors('Margins2') WHERE margin = 'month' AND factor > 3), '{2019-09}'::text[], 'his September, with a slipped decimal, is the one month that is far off');
SELECT tap.ok((SELECT factor BETWEEN 8 AND 13 FROM factors('Margins2') WHERE margin = 'month' AND member = '2019-09'), 'about ten times',
			  (SELECT string_agg(f::text, E'\n') FROM factors('Margins2') f WHERE margin = 'month'));
SELECT tap.same((SELECT jsonb_path_query_array(s.findings, '$[0].extreme[*] ? (@.margin == "month").member') FROM split s JOIN plan p USING (plan_id) WHERE p.family = 'Margins2' AND s.method = 'margins'),
				'["2019-09"]'::jsonb, 'and split_log names it');

-- ------------------------------------------------------------ quarter quotas
-- in 2011 two quarters have the same number, so two quotas are for one quarter
CREATE VIEW margin_2018 AS
SELECT '{seller,quarter}'::text[] AS dimension, ARRAY[seller, quarter::text] AS member, amount FROM quota WHERE quarter >= '2017-07-01' AND quarter < '2018-07-01';
SELECT tap.ok(create_plan('Margins2018', period => '[2017-07-01,2018-07-01)', calendar => 'fiscal') > 0, 'the first year');
SELECT tap.ok(set_target('Margins2018', 'reseller sales', amount => (SELECT sum(amount) FROM margin_2018)) > 0, 'as much as its quotas');
SELECT tap.throws($$SELECT split_target(root_target('Margins2018', 'reseller sales'), '{seller,quarter}', method => 'margins', margins_from => 'margin_2018', bases => '[{"method": "equal"}]')$$,
				  'there are two totals for seller %, quarter 2018-04-01', '%', '%', 'a quarter that was numbered twice is named');
SELECT tap.ok((SELECT count(*) > 8000 FROM split_target(root_target('Margins3', 'reseller sales'), '{seller,category,territory,month}', method => 'margins',
														margins_from => 'margin_quota', on_zero => 'parent')), 'by quarter quotas');
SELECT tap.none($$SELECT seller, quarter, q.amount, sum(c.amount) FROM cell c LEFT JOIN (SELECT * FROM quota WHERE quarter >= '2019-07-01') q USING (seller, quarter)
				  WHERE c.plan = 'Margins3' GROUP BY 1, 2, 3 HAVING sum(c.amount) <> COALESCE(q.amount, 0)$$, 'every quota, to the cent');
SELECT tap.none('SELECT * FROM plan_check WHERE plan = ''Margins3''', 'plan_check has nothing against it');
-- Amy Alberts has a quota of 1,000 after 116,000
SELECT tap.same((SELECT member FROM factors('Margins3') ORDER BY factor LIMIT 1), 'Amy Alberts, FY20-Q4', 'the quota of 1,000 is furthest below the others');

-- --------------------------------------- both at once: who is to be believed?
CREATE VIEW margin_both AS
SELECT * FROM margin_quota UNION ALL SELECT * FROM margin_monthly WHERE member[1] = 'David Campbell' AND member[2] < '2019-10-01';
SELECT tap.ok(unsplit_target(root_target('Margins3', 'reseller sales')) > 0, 'once more');
SELECT tap.throws($$SELECT split_target(root_target('Margins3', 'reseller sales'), '{seller,category,territory,month}', method => 'margins',
					margins_from => 'margin_both', on_zero => 'parent')$$,
				  'the totals of seller, month and seller, quarter do not agree', '%David Campbell%2150000.00%David Campbell, FY20-Q1%631000.00%1519000.00%', '%', 'a rep''s months against his quotas, and by how much');
