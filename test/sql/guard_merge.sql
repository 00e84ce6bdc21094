-- The guard and MERGE, which PostgreSQL 14 does not have.
SELECT current_setting('server_version_num')::int < 150000 AS no_merge \gset
\if :no_merge
\quit
\endif
SET search_path = target_split, public;
INSERT INTO metric (metric_id, name, unit) VALUES (8, 'merged', 'EUR');
INSERT INTO plan (plan_id, family, period, calendar_id) SELECT 8, 'M', '[2024-01-01,2025-01-01)', calendar_id FROM calendar WHERE name = 'gregorian';
INSERT INTO plan_metric VALUES (8, 8, 1);
INSERT INTO target (plan_id, metric_id, target_id, parent_id, depth, amount, member_id, lineage_id, level, period, slice)
  SELECT 8, 8, id, parent_id, depth, amount, id, id, 'x', '[2024-01-01,2025-01-01)', '{}'
  FROM (VALUES (1, NULL, 0, 100), (11, 1, 1, 50), (12, 1, 1, 30), (13, 1, 1, 20)) AS v (id, parent_id, depth, amount);

-- what MERGE is given: an amount of NULL deletes
CREATE TABLE merge_source (id bigint, parent_id bigint, amount numeric);
CREATE FUNCTION merge_source() RETURNS void LANGUAGE sql SET search_path = target_split, public AS $$
  MERGE INTO target t USING merge_source s ON t.plan_id = 8 AND t.target_id = s.id
  WHEN MATCHED AND s.amount IS NULL THEN DELETE
  WHEN MATCHED THEN UPDATE SET amount = s.amount, parent_id = s.parent_id, depth = CASE WHEN s.parent_id > 1 THEN 2 WHEN s.parent_id = 1 THEN 1 ELSE 0 END
  WHEN NOT MATCHED THEN INSERT (plan_id, metric_id, target_id, parent_id, depth, amount, member_id, lineage_id, level, period, slice)
    VALUES (8, 8, s.id, s.parent_id, CASE WHEN s.parent_id > 1 THEN 2 ELSE 1 END, s.amount, s.id, s.id, 'x', '[2024-01-01,2025-01-01)', '{}')
$$;
CREATE VIEW merged AS SELECT target_id, parent_id, depth, amount, n_children FROM target WHERE plan_id = 8 ORDER BY 1;

-- update, insert and delete at once: right, then wrong by 1
INSERT INTO merge_source VALUES (11, 1, 40), (12, NULL, NULL), (14, 1, 40);
SELECT merge_source();
TABLE merged;
TRUNCATE merge_source;
INSERT INTO merge_source VALUES (11, 1, 39), (14, NULL, NULL), (15, 1, 40);
SELECT merge_source();
-- first children of a leaf that changes, one of them moved there
TRUNCATE merge_source;
INSERT INTO merge_source VALUES (11, 1, 80), (14, 11, 40), (111, 11, 30), (112, 11, 10);
SELECT merge_source();
TABLE merged;
-- every event alone looks right: the leaf 13 becomes 30, 10 moves there, 30 is inserted
TRUNCATE merge_source;
INSERT INTO merge_source VALUES (13, 1, 30), (11, 1, 70), (112, 13, 10), (131, 13, 30);
SELECT merge_source();
UPDATE merge_source SET amount = 20 WHERE id = 131;
SELECT merge_source();
TABLE merged;
-- all children go, others come
TRUNCATE merge_source;
INSERT INTO merge_source VALUES (112, NULL, NULL), (131, NULL, NULL), (132, 13, 29), (133, 13, 2);
SELECT merge_source();
UPDATE merge_source SET amount = 1 WHERE id = 133;
SELECT merge_source();
TABLE merged;
SELECT operation, count(*), sum(amount_before) AS before, sum(amount_after) AS after FROM revision WHERE plan_id = 8 GROUP BY 1 ORDER BY 1;
SELECT p.target_id FROM target p JOIN target c ON c.plan_id = p.plan_id AND c.parent_id = p.target_id
  GROUP BY p.plan_id, p.target_id HAVING count(*) <> p.n_children OR sum(c.amount) <> p.amount;
