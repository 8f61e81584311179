-- +goose Up
-- One row per reservation, with its first serial. The table orders has a row for each unit, and units on each row is the size of
-- the whole reservation. So sum(units) is right here, count(*) there.
CREATE VIEW order_reservations AS
    SELECT sale, birth, serial, units, fence, nonce, buyer, state, expires_at, reserved_at, confirmed_at, released_at
    FROM orders
    WHERE serial = first_serial;

-- +goose Down
DROP VIEW order_reservations;
