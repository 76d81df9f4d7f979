-- +goose Up
CREATE TABLE products (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  slug        TEXT NOT NULL UNIQUE CHECK (slug <> ''),
  name        TEXT NOT NULL CHECK (name <> ''),
  description TEXT NOT NULL,
  picture     TEXT NOT NULL,
  position    INTEGER NOT NULL,
  stock       INTEGER,
  archived_at DATETIME,
  created_at  DATETIME NOT NULL,
  updated_at  DATETIME NOT NULL
);

CREATE TABLE prices (
  product_id INTEGER NOT NULL REFERENCES products(id),
  currency   TEXT NOT NULL CHECK (length(currency) = 3),
  minor      INTEGER NOT NULL CHECK (minor > 0),
  PRIMARY KEY (product_id, currency)
);

CREATE TABLE orders (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  token          TEXT NOT NULL UNIQUE CHECK (length(token) >= 26),
  checkout_key   TEXT NOT NULL UNIQUE CHECK (checkout_key <> ''),
  fingerprint    TEXT NOT NULL,
  email          TEXT NOT NULL CHECK (email <> ''),
  name           TEXT NOT NULL CHECK (name <> ''),
  line1          TEXT NOT NULL,
  line2          TEXT NOT NULL,
  city           TEXT NOT NULL,
  region         TEXT NOT NULL,
  postcode       TEXT NOT NULL,
  country        TEXT NOT NULL CHECK (length(country) = 2),
  total_minor    INTEGER NOT NULL CHECK (total_minor > 0),
  total_currency TEXT NOT NULL CHECK (length(total_currency) = 3),
  status         TEXT NOT NULL CHECK (status IN ('created','issued','viewed','in_progress','hold','paid','received','failed','rejected','overdue','expired','cancelled','refund_initiated','partially_refunded','refunded','refund_failed','refund_reversed','reversal_initiated','reversed','reversal_failed','chargeback','representation','retrieval','prearbitration','arbitration','precompliance','compliance','good_faith','fraud_advice')),
  attention      TEXT NOT NULL,
  test           BOOLEAN NOT NULL,
  due_at         DATETIME NOT NULL,
  paid_at        DATETIME,
  cancelled_at   DATETIME,
  expired_at     DATETIME,
  created_at     DATETIME NOT NULL,
  updated_at     DATETIME NOT NULL
);
-- The first order is number 1001.
INSERT INTO sqlite_sequence (name, seq) VALUES ('orders', 1000);
CREATE INDEX orders_email ON orders (email, id);
CREATE INDEX orders_status ON orders (status, id);
CREATE INDEX orders_fingerprint ON orders (fingerprint, created_at);
CREATE INDEX orders_attention ON orders (id) WHERE attention <> '';
CREATE INDEX orders_due ON orders (due_at) WHERE paid_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL;

CREATE TABLE order_lines (
  order_id   INTEGER NOT NULL REFERENCES orders(id),
  position   INTEGER NOT NULL,
  product_id INTEGER NOT NULL REFERENCES products(id),
  slug       TEXT NOT NULL,
  name       TEXT NOT NULL,
  picture    TEXT NOT NULL,
  unit_minor INTEGER NOT NULL CHECK (unit_minor > 0),
  quantity   INTEGER NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (order_id, position)
);

CREATE TABLE payments (
  id                   TEXT PRIMARY KEY CHECK (length(id) >= 26),
  order_id             INTEGER NOT NULL REFERENCES orders(id),
  provider             TEXT NOT NULL CHECK (provider <> ''),
  method               TEXT NOT NULL,
  ref                  TEXT NOT NULL,
  state                TEXT NOT NULL CHECK (state IN ('created','redirected','processing','authorized','paid','failed','cancelled','expired','unknown','accepted','mismatch')),
  live                 BOOLEAN NOT NULL,
  minor                INTEGER NOT NULL CHECK (minor > 0),
  currency             TEXT NOT NULL CHECK (length(currency) = 3),
  capture              TEXT NOT NULL CHECK (capture IN ('auto','manual')),
  word                 TEXT NOT NULL,
  reason               TEXT NOT NULL,
  redirect_url         TEXT NOT NULL,
  data                 BLOB,
  version              INTEGER NOT NULL,
  authorized_minor     INTEGER NOT NULL CHECK (authorized_minor >= 0),
  released_minor       INTEGER NOT NULL CHECK (released_minor >= 0),
  captured_minor       INTEGER NOT NULL CHECK (captured_minor >= 0),
  refund_pending_minor INTEGER NOT NULL CHECK (refund_pending_minor >= 0),
  refunded_minor       INTEGER NOT NULL CHECK (refunded_minor >= 0),
  disputed_minor       INTEGER NOT NULL CHECK (disputed_minor >= 0),
  asked                INTEGER NOT NULL,
  asked_at             DATETIME,
  ask_at               DATETIME,
  created_at           DATETIME NOT NULL,
  updated_at           DATETIME NOT NULL,
  CHECK (refunded_minor + refund_pending_minor <= captured_minor)
);
CREATE INDEX payments_order ON payments (order_id);
CREATE UNIQUE INDEX payments_ref ON payments (provider, ref) WHERE ref <> '';
CREATE INDEX payments_find_ref ON payments (ref) WHERE ref <> '';
CREATE UNIQUE INDEX payments_live ON payments (order_id) WHERE live;
CREATE INDEX payments_due ON payments (ask_at) WHERE ask_at IS NOT NULL;

CREATE TABLE operations (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_id    TEXT NOT NULL REFERENCES payments(id),
  kind          TEXT NOT NULL CHECK (kind IN ('start','capture','void','refund','cancel','renew')),
  key           TEXT NOT NULL UNIQUE CHECK (key <> ''),
  state         TEXT NOT NULL CHECK (state IN ('requested','succeeded','failed','unknown')),
  minor         INTEGER NOT NULL CHECK (minor >= 0),
  currency      TEXT NOT NULL CHECK (length(currency) = 3),
  code          TEXT NOT NULL,
  calls         INTEGER NOT NULL,
  claimed_until DATETIME,
  actor         TEXT NOT NULL,
  source        TEXT NOT NULL,
  created_at    DATETIME NOT NULL,
  updated_at    DATETIME NOT NULL
);
CREATE INDEX operations_payment ON operations (payment_id);
CREATE UNIQUE INDEX operations_start ON operations (payment_id) WHERE kind = 'start';
CREATE UNIQUE INDEX operations_cancel ON operations (payment_id) WHERE kind = 'cancel' AND state IN ('requested','unknown');

CREATE TABLE facts (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_id TEXT NOT NULL REFERENCES payments(id),
  kind       TEXT NOT NULL CHECK (kind IN ('authorized','released','captured','corrected','refund_reserved','refunded','refund_failed','refund_reversed','disputed','dispute_closed')),
  minor      INTEGER NOT NULL CHECK (minor <> 0 AND (minor > 0 OR kind = 'corrected')),
  currency   TEXT NOT NULL CHECK (length(currency) = 3),
  ref        TEXT NOT NULL,
  actor      TEXT NOT NULL,
  source     TEXT NOT NULL,
  at         DATETIME NOT NULL
);
CREATE INDEX facts_payment ON facts (payment_id, id);
-- +goose StatementBegin
CREATE TRIGGER facts_append_only_update BEFORE UPDATE ON facts BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER facts_append_only_delete BEFORE DELETE ON facts BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
-- +goose StatementEnd

CREATE TABLE events (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id   INTEGER NOT NULL REFERENCES orders(id),
  payment_id TEXT REFERENCES payments(id),
  kind       TEXT NOT NULL CHECK (kind <> ''),
  from_state TEXT NOT NULL,
  to_state   TEXT NOT NULL,
  detail     TEXT NOT NULL,
  actor      TEXT NOT NULL,
  source     TEXT NOT NULL,
  at         DATETIME NOT NULL
);
CREATE INDEX events_order ON events (order_id, id);

CREATE TABLE reports (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_id  TEXT NOT NULL REFERENCES payments(id),
  operation   TEXT NOT NULL,
  outcome     TEXT NOT NULL,
  word        TEXT NOT NULL,
  http_status INTEGER NOT NULL,
  body        BLOB NOT NULL,
  digest      TEXT NOT NULL,
  times       INTEGER NOT NULL,
  first_at    DATETIME NOT NULL,
  last_at     DATETIME NOT NULL
);
CREATE INDEX reports_payment ON reports (payment_id, id);

CREATE TABLE deliveries (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  provider    TEXT NOT NULL,
  event_id    TEXT NOT NULL,
  ref         TEXT NOT NULL,
  payment     TEXT NOT NULL,
  payment_id  TEXT REFERENCES payments(id),
  word        TEXT NOT NULL,
  verdict     TEXT NOT NULL CHECK (verdict IN ('new','settled','unmatched')),
  body        BLOB NOT NULL,
  times       INTEGER NOT NULL,
  received_at DATETIME NOT NULL,
  last_at     DATETIME NOT NULL,
  settled_at  DATETIME,
  UNIQUE (provider, event_id)
);
CREATE INDEX deliveries_payment ON deliveries (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX deliveries_waiting ON deliveries (provider, ref) WHERE payment_id IS NULL;

CREATE TABLE refusals (
  provider TEXT NOT NULL,
  day      TEXT NOT NULL CHECK (length(day) = 10),
  reason   TEXT NOT NULL,
  times    INTEGER NOT NULL,
  PRIMARY KEY (provider, day, reason)
);

CREATE TABLE stock_movements (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id INTEGER NOT NULL REFERENCES products(id),
  order_id   INTEGER NOT NULL REFERENCES orders(id),
  reason     TEXT NOT NULL CHECK (reason IN ('sold')),
  quantity   INTEGER NOT NULL CHECK (quantity <> 0),
  at         DATETIME NOT NULL,
  UNIQUE (order_id, product_id, reason)
);

CREATE TABLE mails (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id   INTEGER NOT NULL REFERENCES orders(id),
  kind       TEXT NOT NULL CHECK (kind IN ('order_paid')),
  recipient  TEXT NOT NULL CHECK (recipient <> ''),
  subject    TEXT NOT NULL,
  body       TEXT NOT NULL,
  sent_at    DATETIME,
  created_at DATETIME NOT NULL,
  UNIQUE (order_id, kind)
);

CREATE TABLE staff (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  email         TEXT NOT NULL UNIQUE CHECK (email <> ''),
  role          TEXT NOT NULL CHECK (role IN ('owner','manager','clerk','viewer')),
  password_hash TEXT NOT NULL,
  created_at    DATETIME NOT NULL,
  updated_at    DATETIME NOT NULL
);

CREATE TABLE staff_sessions (
  digest     TEXT PRIMARY KEY,
  staff_id   INTEGER REFERENCES staff(id),
  data       BLOB NOT NULL,
  created_at DATETIME NOT NULL,
  seen_at    DATETIME NOT NULL,
  expires_at DATETIME NOT NULL
);
CREATE INDEX staff_sessions_expiry ON staff_sessions (expires_at);
CREATE INDEX staff_sessions_staff ON staff_sessions (staff_id);

CREATE TABLE throttles (
  key        TEXT PRIMARY KEY,
  times      INTEGER NOT NULL,
  expires_at DATETIME NOT NULL
);
CREATE INDEX throttles_expiry ON throttles (expires_at);

-- +goose Down
DROP TABLE throttles;
DROP TABLE staff_sessions;
DROP TABLE staff;
DROP TABLE mails;
DROP TABLE stock_movements;
DROP TABLE refusals;
DROP TABLE deliveries;
DROP TABLE reports;
DROP TABLE events;
DROP TABLE facts;
DROP TABLE operations;
DROP TABLE payments;
DROP TABLE order_lines;
DROP TABLE orders;
DROP TABLE prices;
DROP TABLE products;
