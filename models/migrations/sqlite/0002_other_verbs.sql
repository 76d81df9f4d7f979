-- +goose Up
ALTER TABLE payments ADD COLUMN refund TEXT NOT NULL DEFAULT '' CHECK (refund IN ('','failed','reversed'));
ALTER TABLE payments ADD COLUMN reversal TEXT NOT NULL DEFAULT '' CHECK (reversal IN ('','pending','done','failed'));
ALTER TABLE payments ADD COLUMN dispute TEXT NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN concerns TEXT NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN outside BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE payments ADD COLUMN mailed BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE payments ADD COLUMN attached BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE payments ADD COLUMN agreed_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN agreed_currency TEXT NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN hold_until DATETIME;

ALTER TABLE facts ADD COLUMN stage TEXT NOT NULL DEFAULT '';

CREATE TABLE new_operations (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_id    TEXT NOT NULL REFERENCES payments(id),
  kind          TEXT NOT NULL CHECK (kind IN ('start','capture','void','refund','cancel','reverse','received','renew')),
  key           TEXT NOT NULL UNIQUE CHECK (key <> ''),
  state         TEXT NOT NULL CHECK (state IN ('requested','succeeded','failed','unknown')),
  minor         INTEGER NOT NULL CHECK (minor >= 0),
  currency      TEXT NOT NULL CHECK (length(currency) = 3),
  code          TEXT NOT NULL,
  ref           TEXT NOT NULL,
  note          TEXT NOT NULL,
  calls         INTEGER NOT NULL,
  claimed_until DATETIME,
  pending_at    DATETIME,
  actor         TEXT NOT NULL,
  source        TEXT NOT NULL,
  created_at    DATETIME NOT NULL,
  updated_at    DATETIME NOT NULL
);
INSERT INTO new_operations
  SELECT id, payment_id, kind, key, state, minor, currency, code, '', '', calls, claimed_until, NULL, actor, source, created_at, updated_at FROM operations;
DROP TABLE operations;
ALTER TABLE new_operations RENAME TO operations;
CREATE INDEX operations_payment ON operations (payment_id);
CREATE INDEX operations_open ON operations (payment_id) WHERE state IN ('requested','unknown') AND kind <> 'start';
CREATE UNIQUE INDEX operations_start ON operations (payment_id) WHERE kind = 'start';
-- What decides a payment as a whole is asked for one at a time.
CREATE UNIQUE INDEX operations_deciding ON operations (payment_id)
  WHERE kind IN ('capture','void','cancel','reverse','received') AND state IN ('requested','unknown');

-- Pieces kept for who is paying.
CREATE TABLE stock_holds (
  order_id   INTEGER NOT NULL REFERENCES orders(id),
  product_id INTEGER NOT NULL REFERENCES products(id),
  quantity   INTEGER NOT NULL CHECK (quantity > 0),
  until      DATETIME NOT NULL,
  PRIMARY KEY (order_id, product_id)
);
CREATE INDEX stock_holds_product ON stock_holds (product_id, until);

CREATE TABLE refund_lines (
  operation_id INTEGER NOT NULL REFERENCES operations(id),
  position     INTEGER NOT NULL,
  quantity     INTEGER NOT NULL CHECK (quantity > 0),
  restock      BOOLEAN NOT NULL,
  PRIMARY KEY (operation_id, position)
);

CREATE TABLE new_stock_movements (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id   INTEGER NOT NULL REFERENCES products(id),
  order_id     INTEGER NOT NULL REFERENCES orders(id),
  operation_id INTEGER REFERENCES operations(id),
  reason       TEXT NOT NULL CHECK (reason IN ('sold','returned')),
  quantity     INTEGER NOT NULL CHECK (quantity <> 0),
  at           DATETIME NOT NULL
);
INSERT INTO new_stock_movements SELECT id, product_id, order_id, NULL, reason, quantity, at FROM stock_movements;
DROP TABLE stock_movements;
ALTER TABLE new_stock_movements RENAME TO stock_movements;
CREATE UNIQUE INDEX stock_movements_sold ON stock_movements (order_id, product_id) WHERE reason = 'sold';
CREATE UNIQUE INDEX stock_movements_returned ON stock_movements (operation_id, product_id) WHERE reason = 'returned';

CREATE TABLE new_mails (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id     INTEGER NOT NULL REFERENCES orders(id),
  operation_id INTEGER REFERENCES operations(id),
  kind         TEXT NOT NULL CHECK (kind IN ('order_paid','refunded')),
  recipient    TEXT NOT NULL CHECK (recipient <> ''),
  subject      TEXT NOT NULL,
  body         TEXT NOT NULL,
  sent_at      DATETIME,
  created_at   DATETIME NOT NULL
);
INSERT INTO new_mails SELECT id, order_id, NULL, kind, recipient, subject, body, sent_at, created_at FROM mails;
DROP TABLE mails;
ALTER TABLE new_mails RENAME TO mails;
CREATE UNIQUE INDEX mails_order ON mails (order_id, kind) WHERE operation_id IS NULL;
CREATE UNIQUE INDEX mails_operation ON mails (operation_id, kind) WHERE operation_id IS NOT NULL;

CREATE TABLE inbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        TEXT NOT NULL CHECK (kind <> ''),
  subject     TEXT NOT NULL CHECK (subject <> ''),
  detail      TEXT NOT NULL,
  minor       INTEGER NOT NULL,
  currency    TEXT NOT NULL,
  order_id    INTEGER REFERENCES orders(id),
  payment_id  TEXT REFERENCES payments(id),
  delivery_id INTEGER REFERENCES deliveries(id),
  resolution  TEXT NOT NULL CHECK (resolution IN ('','accepted','attached','gone')),
  reason      TEXT NOT NULL,
  actor       TEXT NOT NULL,
  opened_at   DATETIME NOT NULL,
  closed_at   DATETIME,
  CHECK ((closed_at IS NULL) = (resolution = ''))
);
CREATE UNIQUE INDEX inbox_open ON inbox (kind, subject) WHERE closed_at IS NULL;
CREATE INDEX inbox_order ON inbox (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX deliveries_unmatched ON deliveries (received_at) WHERE verdict = 'unmatched';

-- +goose Down
-- Only a database without what this file made possible goes back.
DROP INDEX deliveries_unmatched;
DROP TABLE inbox;
DROP TABLE refund_lines;
DROP TABLE stock_holds;
CREATE TABLE old_mails (
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
INSERT INTO old_mails SELECT id, order_id, kind, recipient, subject, body, sent_at, created_at FROM mails;
DROP TABLE mails;
ALTER TABLE old_mails RENAME TO mails;
CREATE TABLE old_stock_movements (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id INTEGER NOT NULL REFERENCES products(id),
  order_id   INTEGER NOT NULL REFERENCES orders(id),
  reason     TEXT NOT NULL CHECK (reason IN ('sold')),
  quantity   INTEGER NOT NULL CHECK (quantity <> 0),
  at         DATETIME NOT NULL,
  UNIQUE (order_id, product_id, reason)
);
INSERT INTO old_stock_movements SELECT id, product_id, order_id, reason, quantity, at FROM stock_movements;
DROP TABLE stock_movements;
ALTER TABLE old_stock_movements RENAME TO stock_movements;
CREATE TABLE old_operations (
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
INSERT INTO old_operations
  SELECT id, payment_id, kind, key, state, minor, currency, code, calls, claimed_until, actor, source, created_at, updated_at FROM operations;
DROP TABLE operations;
ALTER TABLE old_operations RENAME TO operations;
CREATE INDEX operations_payment ON operations (payment_id);
CREATE UNIQUE INDEX operations_start ON operations (payment_id) WHERE kind = 'start';
CREATE UNIQUE INDEX operations_cancel ON operations (payment_id) WHERE kind = 'cancel' AND state IN ('requested','unknown');
ALTER TABLE facts DROP COLUMN stage;
ALTER TABLE payments DROP COLUMN hold_until;
ALTER TABLE payments DROP COLUMN agreed_currency;
ALTER TABLE payments DROP COLUMN agreed_minor;
ALTER TABLE payments DROP COLUMN attached;
ALTER TABLE payments DROP COLUMN mailed;
ALTER TABLE payments DROP COLUMN outside;
ALTER TABLE payments DROP COLUMN concerns;
ALTER TABLE payments DROP COLUMN dispute;
ALTER TABLE payments DROP COLUMN reversal;
ALTER TABLE payments DROP COLUMN refund;
