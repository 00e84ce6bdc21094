-- A sample to try target_split on: the order table of a small B2B company.
--
-- Three whole years (2021 to 2023) and the first five months of 2024; three
-- product lines, 12 key accounts and 60 small firms, four regions, ten sellers
-- who each work in one region.  Sales follow the seasons, and fell in 2023.
--
-- Every number comes from whole-number and numeric arithmetic on md5 hashes of
-- fixed texts: the same rows on every server, version and machine.  Change the
-- seed in demo.chance for another company.

CREATE SCHEMA demo;

CREATE TABLE demo.orders (
	order_no	  text PRIMARY KEY,
	ordered_on	  date NOT NULL,
	product_line  text NOT NULL,
	product		  text NOT NULL,
	customer	  text NOT NULL,
	customer_type text NOT NULL CHECK (customer_type IN ('key account', 'small firm')),
	region		  text NOT NULL,
	seller		  text NOT NULL,
	quantity	  integer NOT NULL CHECK (quantity > 0),
	amount		  numeric(14,2) NOT NULL
);
COMMENT ON TABLE demo.orders IS 'Orders of a made-up company, in EUR; made by test/demo/sample.sql';

-- A number from 0 to below 1 that looks drawn by chance, the same one for the same key.
CREATE FUNCTION demo.chance(key text) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT
RETURN ('x' || substr(md5('seed 2024 ' || key), 1, 7))::bit(28)::integer / 268435456::numeric;

BEGIN;

-- Key accounts buy more, of everything; prices are of 2021.
CREATE TEMPORARY TABLE product ON COMMIT DROP AS
SELECT line, name, price, row_number() OVER (PARTITION BY line ORDER BY price, name) AS nth,
	   count(*) OVER (PARTITION BY line) AS of_line
FROM (VALUES
	('Machines', 'Bench press', 1480.00),
	('Machines', 'Compressor', 2350.00),
	('Machines', 'Packing line', 5900.00),
	('Parts', 'Filter set', 84.50),
	('Parts', 'Seal kit', 129.90),
	('Parts', 'Valve block', 246.00),
	('Parts', 'Drive belt', 318.40),
	('Service', 'Inspection', 390.00),
	('Service', 'Repair', 720.00),
	('Service', 'Training day', 1150.00)) AS p (line, name, price);

CREATE TEMPORARY TABLE seller ON COMMIT DROP AS
SELECT * FROM (VALUES
	(1, 'Ada Brandt', 'North'),	 (2, 'Bruno Keller', 'North'), (3, 'Carla Moreau', 'North'),
	(4, 'David Novak', 'South'), (5, 'Elena Rossi', 'South'),  (6, 'Felix Hansen', 'South'),
	(7, 'Greta Lang', 'East'),	 (8, 'Hugo Silva', 'East'),
	(9, 'Irene Costa', 'West'),	 (10, 'Jonas Weber', 'West')) AS s (seller_no, name, region);

-- Sellers 1 and 4 look after two key accounts, the others after one; six small firms each.
CREATE TEMPORARY TABLE customer ON COMMIT DROP AS
SELECT 'key account' AS type,
	   (ARRAY['Alpina AG', 'Borealis Oy', 'Cobalt SA', 'Delta Werke', 'Etna SpA', 'Fjord AS',
			  'Garonne SA', 'Helvetia AG', 'Iberia SL', 'Jura Group', 'Kappa NV', 'Lumen Plc'])[n] AS name,
	   CASE WHEN n <= 10 THEN n WHEN n = 11 THEN 1 ELSE 4 END AS seller_no
FROM generate_series(1, 12) AS n
UNION ALL
SELECT 'small firm',
	   format('%s & %s',
			  (ARRAY['Abel', 'Birk', 'Cole', 'Dahl', 'Egan', 'Frey', 'Gold', 'Holm', 'Imre', 'Jost'])[1 + (n - 1) % 10],
			  (ARRAY['Sons', 'Partners', 'Daughters', 'Friends', 'Brothers', 'Company'])[1 + (n - 1) / 10]),
	   1 + (n - 1) % 10
FROM generate_series(1, 60) AS n;

CREATE TEMPORARY TABLE nth_customer ON COMMIT DROP AS
SELECT type, name, seller_no,
	   row_number() OVER (PARTITION BY seller_no, type ORDER BY name COLLATE "C") AS nth,
	   count(*) OVER (PARTITION BY seller_no, type) AS of_seller
FROM customer;

-- How busy a month of the year is, in percent, and its working days.
CREATE TEMPORARY TABLE month ON COMMIT DROP AS
SELECT extract(year FROM first_day)::integer AS year,
	   extract(month FROM first_day)::integer AS month,
	   (ARRAY[78, 84, 104, 96, 98, 112, 88, 76, 110, 104, 118, 132])[extract(month FROM first_day)::integer] AS season,
	   days
FROM generate_series(timestamp '2021-01-01', timestamp '2024-05-01', interval '1 month') AS m (first_day),
	 LATERAL (SELECT array_agg(d::date ORDER BY d) AS days
			  FROM generate_series(first_day, first_day + interval '1 month - 1 day', interval '1 day') AS d
			  WHERE extract(isodow FROM d) < 6) AS working;

-- What became of each line: percent of the volume of 2021.
CREATE TEMPORARY TABLE trend ON COMMIT DROP AS
SELECT * FROM (VALUES
	('Machines', 2021, 100), ('Machines', 2022, 112), ('Machines', 2023, 86),  ('Machines', 2024, 93),
	('Parts', 2021, 100),	 ('Parts', 2022, 106),	  ('Parts', 2023, 101),	   ('Parts', 2024, 106),
	('Service', 2021, 100),	 ('Service', 2022, 109),  ('Service', 2023, 113),  ('Service', 2024, 124)) AS t (line, year, volume);

-- Each seller sells each line to each type of customer in each month: one to
-- four orders, more in busy months.
INSERT INTO demo.orders
SELECT format('%s-%s', year, lpad((row_number() OVER (PARTITION BY year ORDER BY ordered_on, key COLLATE "C"))::text, 5, '0')),
	   ordered_on, line, product, customer, type, region, seller, quantity,
	   -- Prices rise by 2 % a year; key accounts get 4 to 12 % off.
	   round(quantity * price * (100 + 2 * (year - 2021))
			 * (100 - CASE type WHEN 'key account' THEN 4 + floor(9 * demo.chance(key || ' discount')) ELSE 0 END) / 10000, 2)
FROM (
	SELECT m.year, key, p.line, p.name AS product, p.price, c.name AS customer, c.type, s.region, s.name AS seller,
		   m.days[1 + floor(cardinality(m.days) * demo.chance(key || ' day'))::integer] AS ordered_on,
		   -- The volume of the month, spread by a third in both directions.
		   greatest(1, round(CASE c.type WHEN 'key account' THEN 9 ELSE 3 END
							 * CASE p.line WHEN 'Machines' THEN 0.5 WHEN 'Parts' THEN 4 ELSE 1 END
							 * t.volume * m.season / 10000
							 * (0.67 + 0.66 * demo.chance(key || ' quantity'))))::integer AS quantity
	FROM month AS m
	CROSS JOIN seller AS s
	CROSS JOIN (VALUES ('key account'), ('small firm')) AS ct (type)
	CROSS JOIN (VALUES ('Machines'), ('Parts'), ('Service')) AS pl (line)
	CROSS JOIN LATERAL (
		SELECT 1 + floor(demo.chance(format('%s %s %s %s %s', m.year, m.month, s.seller_no, ct.type, pl.line)) * 3.6 * m.season / 100)::integer
		) AS cell (n_orders)
	CROSS JOIN LATERAL generate_series(1, cell.n_orders) AS nth
	CROSS JOIN LATERAL (SELECT format('%s %s %s %s %s %s', m.year, m.month, s.seller_no, ct.type, pl.line, nth)) AS k (key)
	JOIN trend AS t ON t.line = pl.line AND t.year = m.year
	JOIN product AS p ON p.line = pl.line AND p.nth = 1 + floor(p.of_line * demo.chance(key || ' product'))
	JOIN nth_customer AS c ON c.seller_no = s.seller_no AND c.type = ct.type
		 AND c.nth = 1 + floor(c.of_seller * demo.chance(key || ' customer'))
) AS o;

COMMIT;

DROP FUNCTION demo.chance(text);
CREATE INDEX ON demo.orders (ordered_on);
ANALYZE demo.orders;
