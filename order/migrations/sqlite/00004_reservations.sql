-- +goose Up
-- The id of a reservation, as buyers, payment services and webhooks have it: Claim.Reservation in luascripts/ledger. The database
-- makes it from each row, so old rows have it, and rows of a worker that does not know it. SQLite cannot change the states that a
-- column may have: so the table is made anew.
DROP VIEW order_reservations;
CREATE TABLE orders_anew (
    sale         text        NOT NULL,
    birth        integer     NOT NULL, -- differs when a sale is removed and made again
    serial       integer     NOT NULL,
    fence        integer     NOT NULL,
    nonce        integer     NOT NULL,
    first_serial integer     NOT NULL,
    units        integer     NOT NULL,
    buyer        text,                 -- hex of the buyer's hash; null: anonymous
    state        text        NOT NULL CHECK (state IN ('pending', 'confirmed', 'cancelled', 'expired', 'refunded')),
    expires_at   text,                 -- null: the sale has no hold
    reserved_at  text,                 -- null: "reserved" has not come yet
    confirmed_at text,
    released_at  text,
    reservation  text        NOT NULL AS (printf('rsv_%014x%014x%014x', birth, fence, nonce)) VIRTUAL,
    PRIMARY KEY (sale, birth, serial, fence)
) WITHOUT ROWID;
INSERT INTO orders_anew (sale, birth, serial, fence, nonce, first_serial, units, buyer, state, expires_at, reserved_at, confirmed_at,
        released_at)
    SELECT sale, birth, serial, fence, nonce, first_serial, units, buyer, state, expires_at, reserved_at, confirmed_at, released_at
    FROM orders;
DROP TABLE orders;
ALTER TABLE orders_anew RENAME TO orders;
CREATE INDEX orders_reservation ON orders (reservation);

ALTER TABLE parked_orders
    ADD COLUMN reservation text AS (printf('rsv_%014x%014x%014x', birth, fence, json_extract(event, '$.Claims[0].Nonce'))) VIRTUAL;
CREATE INDEX parked_orders_reservation ON parked_orders (reservation);

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
