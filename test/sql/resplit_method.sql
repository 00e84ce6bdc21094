-- Every method, split again: with nothing to do nothing is done; another amount
-- keeps all promises; undone, every row is as it was.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
SET datestyle = ISO;

CREATE TABLE orders AS
SELECT d::date AS day, m AS market, m || t AS town, t AS type, ((extract(doy FROM d)::int * 7 + length(m || t) * 13) % 97 + 3)::numeric * CASE m WHEN 'East' THEN extract(year FROM d)::int - 2020 ELSE 1 END AS amount
FROM generate_series('2021-01-01'::date, '2023-12-31', '1 day') d, unnest('{East,West,North,South}'::text[]) m, unnest('{key,small,web}'::text[]) t;
SELECT add_metric('sales', unit => 'EUR') > 0 AS metric;
SELECT count(*) FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"market": ["market","town"], "type": "type"}');
SELECT add_member('type', 'others', is_rest => true) > 0 AS rest;
CREATE PROCEDURE try(calls text[], span text DEFAULT '[2024-01-01,2025-01-01)', amount numeric DEFAULT 123456.78) LANGUAGE plpgsql AS $$
DECLARE
	p text := 'P' || (SELECT count(*) FROM plan);
	r bigint; before jsonb; told int; recorded int; changed int; id int; call text;
BEGIN
	SELECT create_plan(p, period => span::daterange) INTO id;
	PERFORM set_target(p, 'sales', amount => try.amount);
	r := root_target(p, 'sales');
	FOREACH call IN ARRAY calls LOOP
		EXECUTE format('SELECT count(*) FROM split_target(%s, %s)', r, call);
	END LOOP;
	SELECT jsonb_agg(to_jsonb(t) ORDER BY target_id) INTO before FROM target t WHERE plan_id = id;
	SELECT count(*) INTO told FROM resplit_target(r);
	SELECT count(*) INTO recorded FROM split WHERE plan_id = id AND made IS NOT NULL;
	SELECT count(*) INTO changed FROM resplit_target(r, amount => try.amount + 1000.01);
	RAISE WARNING 'nothing to do: % rows, % recorded; another amount: % of %, % broken', told, recorded,
		CASE WHEN changed > jsonb_array_length(before) * 0.9 THEN 'most' ELSE changed::text END, jsonb_array_length(before),
		(SELECT count(*) FROM plan_check WHERE plan = p);
	PERFORM undo_split((SELECT min(split_id) FROM split WHERE plan_id = id AND made IS NOT NULL AND part_of IS NULL));
	IF before IS DISTINCT FROM (SELECT jsonb_agg(to_jsonb(t) ORDER BY target_id) FROM target t WHERE plan_id = id) THEN
		RAISE WARNING 'undo differs';
	END IF;
END
$$;
CALL try('{"''{market,type}''","''{quarter,month,week}''"}');
CALL try('{"''{quarter,month}''","''{market,town,type}''"}');
CALL try('{"''{market,month,type,week}''"}');
CALL try('{"''{type}'', members => ''2'', rest => ''others''","''{month}''"}');
CALL try('{"''{type}'', members => ''\"active\"''"}');
CALL try('{"''{market}'', method => ''shrunk'', basis => ''[2021-01-01,2024-01-01)''","''{month}'', method => ''shrunk'', basis => ''[2021-01-01,2024-01-01)''"}');
CALL try('{"''{market,type}''","''{quarter,month,week}'', method => ''seasonal''"}');
CALL try('{"''{market,month}'', method => ''seasonal''"}');
CALL try('{"''{market}'', method => ''percent'', weights => ''{\"East\": 40, \"West\": 30, \"North\": 20, \"South\": 10}''","''{month}'', method => ''straight_line'', weights => ''{\"first\": 1, \"last\": 3}''"}');
CALL try('{"''{market}'', method => ''growth'', weights => ''{\"East\": 0.1, \"*\": 0}''","''{month}'', method => ''growth_curve'', weights => ''{\"rate\": 0.02}''"}');
CALL try('{"''{market,type}'', method => ''blend'', bases => ''[{\"basis\": \"[2022-01-01,2023-01-01)\", \"factor\": 0.5}, {\"method\": \"equal\", \"factor\": 0.5}]''"}');
CALL try('{"''{market,type}'', method => ''increment''","''{month}'', method => ''increment''"}', amount => 900000);
CALL try('{"''{month}'', method => ''profile'', profile => ''{\"lag\": 2}''"}');
CALL try('{"''{market,quarter,type}'', levels => ''{\"quarter\": {\"method\": \"equal\"}}''"}');
CALL try('{"''{market,type}'', quantum => 10","''{month}'', quantum => 1"}', amount => 123450);
CALL try('{"''{market,type}'', residual => ''last''","''{month}'', residual => ''carry''"}');
CALL try('{"''{market,type}'', bounds => ''{\"market\": {\"*\": {\"min_growth\": -0.9, \"max_growth\": 9.5}}}''","''{month}''"}', amount => 600000);
CALL try('{"''{market,type}'', basis => ''[2022-01-01,2024-01-01)''","''{year}'', method => ''equal''","''{half,quarter}'', method => ''equal''"}', '[2024-01-01,2026-01-01)');
CALL try('{"''{market}'', method => ''equal''","''{day}'', method => ''equal''"}', amount => -1234.5);
CALL try('{"''{town}''"}');
CALL try('{"''{market}''","''{town}''"}');

DROP PROCEDURE try(text[], text, numeric);
DROP TABLE orders;
RESET search_path;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
