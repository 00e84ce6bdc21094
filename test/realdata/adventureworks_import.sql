-- The sheet of monthly targets as it is: a row per person and calendar year, months
-- across, in thousands, "-" for none; vice president, managers and reps in one list.
SET client_min_messages = warning;
SET search_path = public, target_split;

-- ------------------------------------------------------------- who reports to whom
CREATE TABLE team AS
SELECT e."EmployeeNationalIDAlternateKey" AS id,
	   CASE WHEN m."FirstName" IS NULL THEN 1 WHEN v."FirstName" IS NULL THEN 2 ELSE 3 END AS depth,
	   e."FirstName" || ' ' || e."LastName" AS person,
	   m."FirstName" || ' ' || m."LastName" AS manager,
	   COALESCE(v."FirstName" || ' ' || v."LastName", m."FirstName" || ' ' || m."LastName", e."FirstName" || ' ' || e."LastName") AS vice_president
FROM employee e
LEFT JOIN employee m ON m."EmployeeKey" = e."ParentEmployeeKey" AND m."DepartmentName" = 'Sales'
LEFT JOIN employee v ON v."EmployeeKey" = m."ParentEmployeeKey" AND v."DepartmentName" = 'Sales'
WHERE e."EmployeeNationalIDAlternateKey" IN (SELECT "EmployeeID" FROM reseller_sales_targets);
SELECT tap.same((SELECT array_agg(n ORDER BY depth) FROM (SELECT depth, count(*) AS n FROM team GROUP BY 1) d), '{1,3,14}'::bigint[],
				'a vice president, three managers, fourteen reps');
SELECT tap.ok(add_dimension('vice_president', levels => '{manager,rep}', persons => true) > 0, 'three levels of persons');
SELECT tap.same((SELECT count(add_member('vice_president', person, parent => CASE depth WHEN 1 THEN NULL WHEN 2 THEN ARRAY[vice_president]
																						ELSE ARRAY[vice_president, manager] END))
				 FROM (SELECT * FROM team ORDER BY depth) t), 18, 'their members');

-- The sheet with names; one plan a year, whose whole is what the vice president has.
CREATE VIEW sheet AS
SELECT s."Year" AS year, t.depth, t.person, t.manager, s."M01", s."M02", s."M03", s."M04", s."M05", s."M06", s."M07", s."M08", s."M09", s."M10", s."M11", s."M12"
FROM reseller_sales_targets s JOIN team t ON t.id = s."EmployeeID";
SELECT tap.same((SELECT count(*) FROM sheet), 81, 'every row of the sheet is somebody''s');
CREATE VIEW stated AS
SELECT s.year, s.depth, s.person, s.manager, c.month, NULLIF(c.amount, '-')::numeric * 1000 AS amount
FROM sheet s
CROSS JOIN LATERAL (VALUES (1, "M01"), (2, "M02"), (3, "M03"), (4, "M04"), (5, "M05"), (6, "M06"), (7, "M07"), (8, "M08"), (9, "M09"), (10, "M10"),
					(11, "M11"), (12, "M12")) c (month, amount);
SELECT tap.same(add_metric('team sales', unit => 'USD', quantum => 1) > 0, true, 'metric');
CREATE VIEW sheet_2017 AS SELECT * FROM sheet WHERE year = 2017;
CREATE VIEW sheet_2018 AS SELECT * FROM sheet WHERE year = 2018;
CREATE VIEW sheet_2019 AS SELECT * FROM sheet WHERE year = 2019;
CREATE VIEW sheet_2020 AS SELECT * FROM sheet WHERE year = 2020;
CREATE VIEW sheet_2021 AS SELECT * FROM sheet WHERE year = 2021;
SELECT tap.same(count(create_plan('T' || year, daterange(make_date(year, 1, 1), make_date(year + 1, 1, 1)))), 5, 'five plans')
FROM generate_series(2017, 2021) year;
SELECT tap.same(count(set_target('T' || year, 'team sales', amount => total)), 5, 'with the vice president''s year')
FROM (SELECT year, sum(amount) AS total FROM stated WHERE depth = 1 GROUP BY 1) s;

-- ----------------------------------------------- what does not add up in the sheet
CREATE TABLE difference AS
SELECT year, p.* FROM generate_series(2017, 2021) year,
	 LATERAL preview_import('T' || year, 'team sales', ('sheet_' || year)::regclass, '{"vice_president": "person"}',
							months => '{M01,M02,M03,M04,M05,M06,M07,M08,M09,M10,M11,M12}', scale => 1000, on_blank => 'missing') p
WHERE p.problem IS NOT NULL;
SELECT tap.same((SELECT array_agg(DISTINCT outcome) FROM difference), '{parts}'::text[], 'every cell is read, everybody is known');
-- by hand: a person's own number against those of the people below; "-" below is nothing
CREATE VIEW by_hand AS
SELECT u.year, u.person, u.month, u.amount, sum(b.amount) AS parts
FROM stated u JOIN stated b ON b.manager = u.person AND b.year = u.year AND b.month = u.month
WHERE u.amount IS NOT NULL AND b.amount IS NOT NULL
GROUP BY 1, 2, 3, 4 HAVING u.amount <> sum(b.amount);
CREATE VIEW found AS
SELECT year, slice ->> 'vice_president' AS person, extract(month FROM lower(period))::integer AS month, amount, amount + difference AS parts FROM difference;
SELECT tap.none('SELECT * FROM found EXCEPT SELECT * FROM by_hand', 'every difference is one');
SELECT tap.none('SELECT * FROM by_hand EXCEPT SELECT * FROM found', 'and none is left out');
SELECT tap.same((SELECT array_agg(amount / 1000 ORDER BY year) FROM found WHERE person = 'Brian Welcker' AND month = 9 AND amount > 20000000),
				'{30000,33000,36500}'::numeric[], '30,000k in 2019, 33,000k in 2020, 36,500k in 2021');
SELECT tap.ok((SELECT amount = 30000000 AND parts = 4075000 FROM found WHERE person = 'Brian Welcker' AND year = 2019 AND month = 9),
			  'beside 4,075k of the managers in September 2019');
SELECT tap.ok((SELECT amount = 1750000 AND parts = 400000 FROM found WHERE person = 'Brian Welcker' AND year = 2019 AND month = 6),
			  'June 2019: managers 400k, the vice president 1,750k');
SELECT tap.ok((SELECT amount = 500000 AND parts = 1000000 FROM found WHERE person = 'Stephen Jiang' AND year = 2017 AND month = 7),
			  'July 2017: reps 1,000k, their manager 500k');
SELECT tap.throws($$SELECT * FROM import_targets('T2019', 'team sales', 'sheet_2019', '{"vice_president": "person"}',
						months => '{M01,M02,M03,M04,M05,M06,M07,M08,M09,M10,M11,M12}', scale => 1000, on_blank => 'missing')$$,
				  'relation public.sheet_2019 does not add up to targets of the plan', '%', '%', 'such a sheet is refused');
SELECT tap.throws($$SELECT * FROM import_targets('T2017', 'team sales', 'sheet_2017', '{"vice_president": "person"}',
						months => '{M01,M02,M03,M04,M05,M06,M07,M08,M09,M10,M11,M12}', scale => 1000)$$,
				  'relation public.sheet_2017 has cells that are blank', '%M01%and % more.', '%on_blank => ''missing''%', 'and so are its dashes, unless told what they are');
SELECT tap.same((SELECT count(*) FROM target t JOIN plan p USING (plan_id) WHERE p.family LIKE 'T20%'), 5, 'nothing was written');

-- ------------------------- managers as targets, the reps' numbers beside them
CREATE VIEW above_2017 AS SELECT * FROM sheet_2017 WHERE depth <= 2;
CREATE VIEW reps_2017 AS SELECT * FROM sheet_2017 WHERE depth = 3;
SELECT tap.same((SELECT jsonb_object_agg(level, n) FROM (
					SELECT level, count(*) AS n FROM import_targets('T2017', 'team sales', 'above_2017', '{"vice_president": "person"}',
						months => '{M01,M02,M03,M04,M05,M06,M07,M08,M09,M10,M11,M12}', scale => 1000, on_blank => 'missing') GROUP BY 1) l),
				'{"month": 12, "vice_president": 6, "manager": 6}', 'the vice president and the managers agree in 2017');
SELECT tap.same((SELECT array_agg(t.amount / 1000 ORDER BY t.period) FROM target t JOIN plan p USING (plan_id)
				 WHERE p.family = 'T2017' AND level = 'manager'),
				(SELECT array_agg(amount / 1000 ORDER BY month) FROM stated WHERE year = 2017 AND depth = 2 AND amount IS NOT NULL), 'in dollars, not in thousands');
SELECT tap.same((SELECT count(*) FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'T2017' AND fallback = 'missing: zero' AND amount = 0), 6,
				'the months without a target say that it is missing');
SELECT tap.same((SELECT count(*) FROM split_target(find_target('T2017', 'team sales', '{"vice_president": "Stephen Jiang"}', daterange((date '2017-06-01' + n * interval '1 month')::date, (date '2017-07-01' + n * interval '1 month')::date)),
												   '{rep}', method => 'equal')), 10, 'month ' || n || ' split among the reps')
FROM generate_series(1, 6) n;
SELECT tap.same((SELECT count(*) FROM import_targets('T2017', 'team sales', 'reps_2017', '{"rep": "person"}', months => '{NULL,NULL,NULL,NULL,NULL,NULL,M07,M08,M09,M10,M11,M12}',
													 scale => 1000, on_blank => 'missing', import_as => 'proposal', reason => 'the reps'' own numbers')), 60, 'the reps propose');
SELECT tap.ok((SELECT amount = 500000 AND proposed_below = 1000000 AND n_below = 9 AND amount_below = 450000 AND gap_below = 550000
			   FROM proposal_gap WHERE plan = 'T2017' AND level = 'manager' AND period_start = '2017-07-01'), 'July: 1,000k proposed for 500k');
SELECT tap.none($$SELECT g.slice, g.period, g.proposed, s.amount FROM proposal_gap g JOIN stated s ON s.person = g.slice ->> 'vice_president' AND s.year = 2017
				  AND s.month = extract(month FROM g.period_start) WHERE g.plan = 'T2017' AND g.level = 'rep' AND g.proposed IS DISTINCT FROM s.amount$$,
				'every proposal is the sheet''s');
SELECT tap.same((SELECT amount FROM target WHERE target_id = root_target('T2017', 'team sales')), (SELECT sum(amount) FROM stated WHERE year = 2017 AND depth = 1),
				'the targets stay');

-- ------------------------ a fiscal year: the second half of one row, the first of the next
CREATE VIEW sheet_fy2018 AS
SELECT a.person, a."M07" AS jul, a."M08" AS aug, a."M09" AS sep, a."M10" AS oct, a."M11" AS nov, a."M12" AS dec,
	   b."M01" AS jan, b."M02" AS feb, b."M03" AS mar, b."M04" AS apr, b."M05" AS may, b."M06" AS jun
FROM sheet_2017 a JOIN sheet_2018 b USING (person);
SELECT tap.ok(create_plan('TFY2018', period => '[2017-07-01,2018-07-01)', calendar => 'fiscal') > 0, 'plan of the fiscal year');
SELECT tap.ok(set_target('TFY2018', 'team sales', amount => (SELECT sum(amount) FROM stated WHERE depth = 3 AND (year = 2017 AND month > 6 OR year = 2018 AND month <= 6))) > 0,
			  'the reps'' sum');
SELECT tap.same((SELECT jsonb_object_agg(level, n) FROM (
					SELECT level, count(*) AS n FROM import_targets('TFY2018', 'team sales', 'sheet_fy2018', '{"rep": "person"}', on_unknown => 'skip',
						months => '{jul,aug,sep,oct,nov,dec,jan,feb,mar,apr,may,jun}', scale => 1000, on_blank => 'missing', by => '{quarter,month,vice_president,manager,rep}')
					WHERE problem IS NULL GROUP BY 1) l),
				'{"quarter": 4, "month": 12, "vice_president": 12, "manager": 12, "rep": 119}', 'quarters, managers and all above are their sums');
SELECT tap.same((SELECT array_agg(label ORDER BY period_start) FROM target_tree WHERE plan = 'TFY2018' AND level = 'quarter'),
				'{FY18-Q1,FY18-Q2,FY18-Q3,FY18-Q4}'::text[], 'by fiscal quarters');
SELECT tap.none($$SELECT * FROM tap.inexact('TFY2018', 'team sales')$$, 'children add up to their parents');

-- --------------------------------------------------------- the sheet goes back
CREATE TABLE returned AS
SELECT slice ->> 'vice_president' AS person, (m01 / 1000)::text AS jul, (m02 / 1000)::text AS aug, (m03 / 1000)::text AS sep, (m04 / 1000)::text AS oct, (m05 / 1000)::text AS nov,
	   (m06 / 1000)::text AS dec, (m07 / 1000)::text AS jan, (m08 / 1000)::text AS feb, (m09 / 1000)::text AS mar, (m10 / 1000)::text AS apr, (m11 / 1000)::text AS may,
	   (m12 / 1000)::text AS jun, total / 1000 AS total
FROM target_wide WHERE plan = 'TFY2018';
SELECT tap.none($$SELECT * FROM preview_import('TFY2018', 'team sales', 'returned', '{"rep": "person"}', months => '{jul,aug,sep,oct,nov,dec,jan,feb,mar,apr,may,jun}',
											   scale => 1000, on_blank => 'keep', total_column => 'total')
				  WHERE difference <> 0 OR problem IS NOT NULL$$, 'target_wide, imported again, changes nothing');
SELECT tap.none($$SELECT r.person FROM returned r JOIN sheet_fy2018 s USING (person)
				  WHERE r.jul::numeric IS DISTINCT FROM NULLIF(s.jul, '-')::numeric OR r.jun::numeric IS DISTINCT FROM NULLIF(s.jun, '-')::numeric$$, 'and is what the sheet was');
SELECT tap.none($$SELECT * FROM plan_check$$, 'plan_check finds nothing');
