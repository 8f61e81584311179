-- +goose Up
-- The id of a reservation, as buyers, payment services and webhooks have it: Claim.Reservation in luascripts/ledger. The database
-- makes it from each row, so old rows have it, and rows of a worker that does not know it.
ALTER TABLE orders
    ADD COLUMN reservation text AS (printf('rsv_%014x%014x%014x', birth, fence, nonce)) VIRTUAL;

-- A state more. To make the table anew would lose an operator's triggers and views, so the check is changed where SQLite keeps it:
-- https://sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes".
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''cancelled'', ''expired'')', '''cancelled'', ''expired'', ''refunded'')')
    WHERE type = 'table' AND name = 'orders';
PRAGMA writable_schema = RESET;

CREATE INDEX orders_reservation ON orders (reservation);

ALTER TABLE parked_orders
    ADD COLUMN reservation text AS (printf('rsv_%014x%014x%014x', birth, fence, json_extract(event, '$.Claims[0].Nonce'))) VIRTUAL;
CREATE INDEX parked_orders_reservation ON parked_orders (reservation);

DROP VIEW order_reservations;
CREATE VIEW order_reservations AS
    SELECT sale, birth, serial, units, fence, nonce, buyer, state, expires_at, reserved_at, confirmed_at, released_at, reservation
    FROM orders
    WHERE serial = first_serial;

-- +goose Down
DROP VIEW order_reservations;
DROP INDEX parked_orders_reservation;
ALTER TABLE parked_orders DROP COLUMN reservation;
DROP INDEX orders_reservation;
ALTER TABLE orders DROP COLUMN reservation;
CREATE VIEW order_reservations AS
    SELECT sale, birth, serial, units, fence, nonce, buyer, state, expires_at, reserved_at, confirmed_at, released_at
    FROM orders
    WHERE serial = first_serial;
