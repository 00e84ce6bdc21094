-- Public holidays of China and the weekends worked instead, as they come.
CREATE TABLE announced (day date PRIMARY KEY, type text NOT NULL, name_cn text NOT NULL, name_en text NOT NULL);
