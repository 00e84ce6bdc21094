-- The holidays of China that the extension ships, against another collection of them.
SET client_min_messages = warning;
SET search_path = public, target_split;

SELECT tap.none($$SELECT COALESCE(h.day, a.day) AS day, h.weight, a.type
	FROM (SELECT * FROM holiday WHERE country = 'CN') h
	FULL JOIN (SELECT * FROM announced WHERE day >= '2000-01-01') a USING (day)
	WHERE h.weight IS DISTINCT FROM CASE a.type WHEN 'public_holiday' THEN 0 WHEN 'transfer_workday' THEN 1 END$$,
	'each holiday and each weekend that is worked, 2000 to 2026');
SELECT tap.none($$SELECT a.day, a.name_cn, h.name_local FROM announced a JOIN holiday h ON h.country = 'CN' AND h.day = a.day
	WHERE regexp_replace(regexp_replace(a.name_cn, '补班$', ''), '^(中秋节和国庆节|国庆节、中秋节)$', '国庆节和中秋节')
		<> regexp_replace(h.name_local, '补班$', '')
	  AND NOT (h.weight = 1 AND h.name_local = '国庆节和中秋节补班')$$, 'with its name');

SELECT tap.ok(add_calendar('china', country => 'CN') > 0, 'a calendar of the country');
SELECT tap.none($$SELECT d::date FROM generate_series(timestamp '2000-01-01', '2026-12-31', '1 day') d
	LEFT JOIN announced a ON a.day = d::date
	WHERE workdays(daterange(d::date, d::date, '[]'), 'china') IS DISTINCT FROM
		CASE a.type WHEN 'public_holiday' THEN 0 WHEN 'transfer_workday' THEN 1 ELSE (extract(isodow FROM d) < 6)::integer END$$,
	'each day');
SELECT tap.none($$SELECT m::date FROM generate_series(timestamp '2000-01-01', '2026-12-31', '1 month') m
	WHERE workdays(daterange(m::date, (m + interval '1 month')::date), 'china') <>
		(SELECT count(*) FROM generate_series(m, m + interval '1 month - 1 day', '1 day') d LEFT JOIN announced a ON a.day = d::date
		 WHERE a.type = 'transfer_workday' OR a.type IS NULL AND extract(isodow FROM d) < 6)$$, 'each month');
