-- +goose Up
-- The id of a reservation, as buyers, payment services and webhooks have it: Claim.Reservation in luascripts/ledger. The database
-- makes it from each row, so old rows have it, and rows of a worker that does not know it.
ALTER TABLE orders
    ADD COLUMN reservation text NOT NULL GENERATED ALWAYS AS
        ('rsv_' || lpad(to_hex(birth), 14, '0') || lpad(to_hex(fence), 14, '0') || lpad(to_hex(nonce), 14, '0')) STORED,
    DROP CONSTRAINT orders_state_check,
    ADD CONSTRAINT orders_state_check CHECK (state IN ('pending', 'confirmed', 'cancelled', 'expired', 'refunded'));
CREATE INDEX orders_reservation ON orders (reservation);

ALTER TABLE parked_orders
    ADD COLUMN reservation text GENERATED ALWAYS AS
        ('rsv_' || lpad(to_hex(birth), 14, '0') || lpad(to_hex(fence), 14, '0')
            || lpad(to_hex((event::jsonb -> 'Claims' -> 0 ->> 'Nonce')::bigint), 14, '0')) STORED;
CREATE INDEX parked_orders_reservation ON parked_orders (reservation);

CREATE OR REPLACE VIEW order_reservations AS -- others may look through it
    SELECT sale, birth, serial, units, fence, nonce, buyer, state, expires_at, reserved_at, confirmed_at, released_at, reservation
    FROM orders
    WHERE serial = first_serial;

-- +goose Down
DROP VIEW order_reservations;
ALTER TABLE parked_orders DROP COLUMN reservation;
ALTER TABLE orders DROP COLUMN reservation;
CREATE VIEW order_reservations AS
    SELECT sale, birth, serial, units, fence, nonce, buyer, state, expires_at, reserved_at, confirmed_at, released_at
    FROM orders
    WHERE serial = first_serial;
