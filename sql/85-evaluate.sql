-- What was reached.

CREATE FUNCTION @extschema@.evaluate_plan(
	plan		text,
	as_of		date DEFAULT current_date,
	metric		text DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_evaluate_plan';
COMMENT ON FUNCTION @extschema@.evaluate_plan(text, date, text) IS
'Records what every target of a plan has reached up to a day, that day included, and returns the number of targets; a second run for a day replaces the first; runs of one plan wait for each other';

CREATE FUNCTION @extschema@.kpi_cut_figures(
	plan		text,
	metric		text,
	by			text[],
	slice		jsonb,
	as_of		date,
	OUT cut_slice jsonb,
	OUT period_start date,
	OUT period_end date,
	OUT period_label text,
	OUT amount	numeric,
	OUT actual	numeric,
	OUT expected numeric)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_kpi_cut';
COMMENT ON FUNCTION @extschema@.kpi_cut_figures(text, text, text[], jsonb, date) IS
'Amount, actual and expected of a cut: what kpi_cut computes its figures from';

-- Figures that follow from amount, actual and expected; one definition for
-- kpi_cut and kpi_variance.
CREATE FUNCTION @extschema@.attainment(actual numeric, amount numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN amount > 0 THEN pg_catalog.round(actual / amount, 6)
			-- a negative target is reached when the actual is not below it
			WHEN amount < 0 THEN pg_catalog.round(1 + (actual - amount) / pg_catalog.abs(amount), 6) END;
COMMENT ON FUNCTION @extschema@.attainment(numeric, numeric) IS
'Actual as a part of the amount, 1 = 100 %; NULL where the amount is 0; for a negative amount 1 + (actual - amount) / |amount|';

CREATE FUNCTION @extschema@.kpi_cut(
	plan		text,
	metric		text,
	by			text[],
	slice		jsonb DEFAULT '{}',
	as_of		date DEFAULT NULL)
RETURNS TABLE (
	cut			jsonb,
	period_start date,
	period_end	date,
	period_label text,
	amount		numeric,
	actual		numeric,
	variance	numeric,
	attainment	numeric,
	expected	numeric,
	variance_to_date numeric,
	attainment_to_date numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT f.cut_slice, f.period_start, f.period_end, f.period_label,
		   f.amount, f.actual, f.actual - f.amount, @extschema@.attainment(f.actual, f.amount),
		   f.expected, f.actual - f.expected, @extschema@.attainment(f.actual, f.expected)
	FROM @extschema@.kpi_cut_figures(kpi_cut.plan, kpi_cut.metric, kpi_cut.by, kpi_cut.slice, kpi_cut.as_of) f
$$;
COMMENT ON FUNCTION @extschema@.kpi_cut(text, text, text[], jsonb, date) IS
'Amount, actual up to as_of (today or the plan''s last day, whichever is earlier, unless given), variance and attainment for any cut, whether the tree has such nodes or not: the May of the company, a region across all product lines; by week alone it has whole weeks, with months or quarters their segments';

CREATE VIEW @extschema@.kpi_variance WITH (security_invoker = true) AS
WITH latest AS (
	-- the run that was made last, whatever day it is for: a day that was a
	-- mistake is put right by the next run
	SELECT DISTINCT ON (r.plan_id, r.metric_id) r.plan_id, r.metric_id, r.as_of, r.evaluated_at
	FROM @extschema@.evaluation_run r
	ORDER BY r.plan_id, r.metric_id, r.evaluated_at DESC, r.as_of DESC
)
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, m.unit,
	   t.target_id, t.parent_id, t.depth, t.level, t.slice, t.period,
	   pg_catalog.lower(t.period) AS period_start, pg_catalog.upper(t.period) - 1 AS period_end,
	   @extschema@.period_within('year', t.period, p.calendar_id) AS fiscal_year,
	   @extschema@.period_within('half', t.period, p.calendar_id) AS fiscal_half,
	   @extschema@.period_within('quarter', t.period, p.calendar_id) AS fiscal_quarter,
	   @extschema@.period_within('month', t.period, p.calendar_id) AS month,
	   @extschema@.period_within('week', t.period, p.calendar_id) AS week,
	   e.as_of, l.evaluated_at, e.amount, e.actual,
	   e.actual - e.amount AS variance,
	   @extschema@.attainment(e.actual, e.amount) AS attainment,
	   e.expected,
	   e.actual - e.expected AS variance_to_date,
	   @extschema@.attainment(e.actual, e.expected) AS attainment_to_date
FROM latest l
JOIN @extschema@.evaluation e ON e.plan_id = l.plan_id AND e.metric_id = l.metric_id AND e.as_of = l.as_of
JOIN @extschema@.target t ON t.plan_id = e.plan_id AND t.target_id = e.target_id
JOIN @extschema@.plan p ON p.plan_id = t.plan_id
JOIN @extschema@.metric m ON m.metric_id = t.metric_id;
COMMENT ON VIEW @extschema@.kpi_variance IS 'Every target against what was reached, as the latest run of evaluate_plan for its plan and metric has it: the run made last, for whatever day; targets that came after it have no row';
COMMENT ON COLUMN @extschema@.kpi_variance.plan IS 'Plan as calls name it';
COMMENT ON COLUMN @extschema@.kpi_variance.plan_family IS 'Plan family';
COMMENT ON COLUMN @extschema@.kpi_variance.plan_version IS 'Version within the family';
COMMENT ON COLUMN @extschema@.kpi_variance.is_current IS 'Is this the current version?';
COMMENT ON COLUMN @extschema@.kpi_variance.metric IS 'Metric';
COMMENT ON COLUMN @extschema@.kpi_variance.unit IS 'Unit of the amounts';
COMMENT ON COLUMN @extschema@.kpi_variance.target_id IS 'Target';
COMMENT ON COLUMN @extschema@.kpi_variance.parent_id IS 'Target it is a part of';
COMMENT ON COLUMN @extschema@.kpi_variance.depth IS '0 is the overall target';
COMMENT ON COLUMN @extschema@.kpi_variance.level IS 'Level or grain that sets it apart from its siblings';
COMMENT ON COLUMN @extschema@.kpi_variance.slice IS 'What it is for: dimension -> member';
COMMENT ON COLUMN @extschema@.kpi_variance.period IS 'Days it is for';
COMMENT ON COLUMN @extschema@.kpi_variance.period_start IS 'First day';
COMMENT ON COLUMN @extschema@.kpi_variance.period_end IS 'Last day, inclusive';
COMMENT ON COLUMN @extschema@.kpi_variance.fiscal_year IS 'Fiscal year by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.kpi_variance.fiscal_half IS 'Half year by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.kpi_variance.fiscal_quarter IS 'Quarter by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.kpi_variance.month IS 'Month by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.kpi_variance.week IS 'Whole week that it is in, which a month end may cut in two targets; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.kpi_variance.as_of IS 'Last day whose actuals count: the day that the run was for';
COMMENT ON COLUMN @extschema@.kpi_variance.evaluated_at IS 'When the run was made';
COMMENT ON COLUMN @extschema@.kpi_variance.amount IS 'Target when it was evaluated, in the unit';
COMMENT ON COLUMN @extschema@.kpi_variance.actual IS 'Reached so far, in the unit; NULL: not measurable, or no facts since it began';
COMMENT ON COLUMN @extschema@.kpi_variance.variance IS 'actual - amount, in the unit';
COMMENT ON COLUMN @extschema@.kpi_variance.attainment IS 'actual / amount, 1 = 100 %; NULL where the amount is 0';
COMMENT ON COLUMN @extschema@.kpi_variance.expected IS 'Part of the amount that was due by as_of, in the unit';
COMMENT ON COLUMN @extschema@.kpi_variance.variance_to_date IS 'actual - expected, in the unit';
COMMENT ON COLUMN @extschema@.kpi_variance.attainment_to_date IS 'actual / expected, 1 = 100 %; NULL where nothing was due';

-- A week that a month end cuts is two targets; here it is one row.
CREATE VIEW @extschema@.kpi_week WITH (security_invoker = true) AS
SELECT k.plan, k.plan_family, k.plan_version, k.is_current, k.metric, k.unit, k.slice, k.week,
	   pg_catalog.min(k.period_start) AS period_start, pg_catalog.max(k.period_end) AS period_end,
	   CASE WHEN pg_catalog.min(k.fiscal_year) = pg_catalog.max(k.fiscal_year) THEN pg_catalog.min(k.fiscal_year) END AS fiscal_year,
	   CASE WHEN pg_catalog.min(k.fiscal_half) = pg_catalog.max(k.fiscal_half) THEN pg_catalog.min(k.fiscal_half) END AS fiscal_half,
	   CASE WHEN pg_catalog.min(k.fiscal_quarter) = pg_catalog.max(k.fiscal_quarter) THEN pg_catalog.min(k.fiscal_quarter) END AS fiscal_quarter,
	   CASE WHEN pg_catalog.min(k.month) = pg_catalog.max(k.month) THEN pg_catalog.min(k.month) END AS month,
	   pg_catalog.count(*)::integer AS n_segments,
	   k.as_of, k.evaluated_at,
	   pg_catalog.sum(k.amount) AS amount, pg_catalog.sum(k.actual) AS actual,
	   pg_catalog.sum(k.actual) - pg_catalog.sum(k.amount) AS variance,
	   @extschema@.attainment(pg_catalog.sum(k.actual), pg_catalog.sum(k.amount)) AS attainment,
	   pg_catalog.sum(k.expected) AS expected,
	   pg_catalog.sum(k.actual) - pg_catalog.sum(k.expected) AS variance_to_date,
	   @extschema@.attainment(pg_catalog.sum(k.actual), pg_catalog.sum(k.expected)) AS attainment_to_date
FROM @extschema@.kpi_variance k
WHERE k.level = 'week'
GROUP BY k.plan, k.plan_family, k.plan_version, k.is_current, k.metric, k.unit, k.slice, k.week, k.as_of, k.evaluated_at;
COMMENT ON VIEW @extschema@.kpi_week IS 'The weeks of kpi_variance: one row for each whole week of each slice that is split by weeks, the sum of the segments into which a month end cuts it; other cuts by week: kpi_cut';
COMMENT ON COLUMN @extschema@.kpi_week.plan IS 'Plan as calls name it';
COMMENT ON COLUMN @extschema@.kpi_week.plan_family IS 'Plan family';
COMMENT ON COLUMN @extschema@.kpi_week.plan_version IS 'Version within the family';
COMMENT ON COLUMN @extschema@.kpi_week.is_current IS 'Is this the current version?';
COMMENT ON COLUMN @extschema@.kpi_week.metric IS 'Metric';
COMMENT ON COLUMN @extschema@.kpi_week.unit IS 'Unit of the amounts';
COMMENT ON COLUMN @extschema@.kpi_week.slice IS 'What it is for: dimension -> member';
COMMENT ON COLUMN @extschema@.kpi_week.week IS 'Label of the week';
COMMENT ON COLUMN @extschema@.kpi_week.period_start IS 'First day of it in the plan';
COMMENT ON COLUMN @extschema@.kpi_week.period_end IS 'Last day of it in the plan, inclusive';
COMMENT ON COLUMN @extschema@.kpi_week.fiscal_year IS 'Fiscal year by the plan''s calendar; NULL where the week is in two';
COMMENT ON COLUMN @extschema@.kpi_week.fiscal_half IS 'Half year by the plan''s calendar; NULL where the week is in two';
COMMENT ON COLUMN @extschema@.kpi_week.fiscal_quarter IS 'Quarter by the plan''s calendar; NULL where the week is in two';
COMMENT ON COLUMN @extschema@.kpi_week.month IS 'Month by the plan''s calendar; NULL where the week is in two';
COMMENT ON COLUMN @extschema@.kpi_week.n_segments IS 'Number of targets that it is made of';
COMMENT ON COLUMN @extschema@.kpi_week.as_of IS 'Last day whose actuals count: the day that the run was for';
COMMENT ON COLUMN @extschema@.kpi_week.evaluated_at IS 'When the run was made';
COMMENT ON COLUMN @extschema@.kpi_week.amount IS 'Target when it was evaluated, in the unit';
COMMENT ON COLUMN @extschema@.kpi_week.actual IS 'Reached so far, in the unit; NULL: not measurable, or no facts since it began';
COMMENT ON COLUMN @extschema@.kpi_week.variance IS 'actual - amount, in the unit';
COMMENT ON COLUMN @extschema@.kpi_week.attainment IS 'actual / amount, 1 = 100 %; NULL where the amount is 0';
COMMENT ON COLUMN @extschema@.kpi_week.expected IS 'Part of the amount that was due by as_of, in the unit';
COMMENT ON COLUMN @extschema@.kpi_week.variance_to_date IS 'actual - expected, in the unit';
COMMENT ON COLUMN @extschema@.kpi_week.attainment_to_date IS 'actual / expected, 1 = 100 %; NULL where nothing was due';
