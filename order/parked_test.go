package order

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// refusals are ways in which an operator's database refuses the row of serial 3, each with its undoing.
func (s testRepository) refusals() map[string][2]string {
	if _, ok := s.Repository.(*sqlite); ok {
		const trigger = "CREATE TRIGGER picky BEFORE INSERT ON orders WHEN NEW.serial = 3 BEGIN SELECT "
		const gone = "DROP TRIGGER picky"
		return map[string][2]string{
			"a trigger":                           {trigger + "RAISE(ABORT, 'not three'); END", gone},
			"a trigger that ends the transaction": {trigger + "RAISE(ROLLBACK, 'not three'); END", gone},
			"a unique index": {"CREATE UNIQUE INDEX picky ON orders (CASE WHEN serial IN (2, 3) THEN 1 ELSE serial + 10 END)",
				"DROP INDEX picky"},
		}
	}
	trigger := func(body string) [2]string {
		return [2]string{`CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.serial = 3 THEN ` + body +
			`; END IF; RETURN NEW; END $$; CREATE TRIGGER picky BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION picky()`,
			"DROP FUNCTION picky CASCADE"}
	}
	return map[string][2]string{
		"P0001":   trigger("RAISE EXCEPTION 'not three'"),
		"22012":   trigger("NEW.units := 1 / 0"),
		"its own": trigger("RAISE EXCEPTION 'not three' USING ERRCODE = 'SHOP1'"),
		"42P01":   trigger("PERFORM count(*) FROM no_such_table"),
		"a check": {"ALTER TABLE orders ADD CONSTRAINT picky CHECK (serial <> 3)", "ALTER TABLE orders DROP CONSTRAINT picky"},
		"at commit": {`CREATE TABLE shelf (n bigint PRIMARY KEY);
			INSERT INTO shelf SELECT n FROM generate_series(1, 100) n WHERE n <> 3;
			ALTER TABLE orders ADD CONSTRAINT picky FOREIGN KEY (serial) REFERENCES shelf DEFERRABLE INITIALLY DEFERRED`,
			"ALTER TABLE orders DROP CONSTRAINT picky; DROP TABLE shelf"},
	}
}

// suiteRefusals has the database refuse one row among many. The row is found, parked and named. All others are stored, and later
// events of its reservation wait behind it. After the undoing and a retry it is stored.
func suiteRefusals(t *testing.T, s testRepository) {
	for name, r := range s.refusals() {
		t.Run(name, func(t *testing.T) { refuseOne(t, s, r[0], r[1]) })
	}
}

func refuseOne(t *testing.T, s testRepository, begin, end string) {
	store, addr := newShop(), freeAddr(t)
	sale := fmt.Sprint("s", time.Now().UnixNano())
	store.sale(t, sale, 40, time.Hour)
	s.do(t, begin)
	var third ledger.Claim
	var birth uint64
	for i := range 20 {
		c, b := store.buy(t, sale, 1)
		if birth = b; i == 2 {
			third = c
		}
	}
	h := newHook(t, nil)
	stop := work(t, store, s, hooked(h.URL), func(c *Config) { c.Admin = addr })
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	s.comesTo(t, sale, map[State]int{Pending: 19})
	store.confirm(t, sale, birth, third)
	store.buy(t, sale, 5)
	s.comesTo(t, sale, map[State]int{Pending: 24})
	allDone(t, store, sale)
	if n, err := s.count("SELECT count(*) FROM parked_orders WHERE serial = 3 AND sale = '" + sale + "'"); err != nil || n != 2 {
		t.Errorf("%d parked, %v; want what was refused and what is behind it", n, err)
	}
	eventually(t, "it is counted", func() bool {
		return contains(fetch(addr, "/metrics"), "spike_orders_parked 2", "spike_orders_refused_total 2") &&
			contains(fetch(addr, "/readyz"), "parked_orders")
	})
	s.do(t, "UPDATE parked_orders SET retry = true WHERE kind = 'reserved'")
	eventually(t, "it was tried in vain", func() bool {
		n, err := s.count("SELECT count(*) FROM parked_orders WHERE retry")
		return err == nil && n == 0
	})
	s.do(t, end)
	s.do(t, "UPDATE parked_orders SET retry = true WHERE kind = 'reserved'")
	s.comesTo(t, sale, map[State]int{Pending: 24, Confirmed: 1})
	eventually(t, "nothing is parked", func() bool {
		n, err := s.count("SELECT count(*) FROM parked_orders")
		return err == nil && n == 0
	})
	rows, _ := s.rows(sale)
	for _, r := range rows {
		if r.Serial == 3 && (r.ReservedAt == nil || r.ConfirmedAt == nil || r.ExpiresAt == nil || r.Buyer == nil) {
			t.Errorf("%+v", r)
		}
	}
	eventually(t, "all is told", func() bool { return s.deliveries(t, Delivered) == 22 })
	stop()
	for _, table := range []string{"orders", "deliveries", "spike_marks"} {
		s.do(t, "DELETE FROM "+table)
	}
}

// suiteBehind: an order must not overtake a parked order of its reservation, or of a part of it. Any other order may.
func suiteBehind(t *testing.T, s testRepository) {
	events := append(story(5, 3, 1000, ledger.Expired, true), story(5, 3, 2000, ledger.Confirmed, false)...)
	orders := entryOf(t, "joins", events).Orders
	if err := s.Save(t.Context(), Entry{Refused: []Refused{{orders[0], "x"}}}); err != nil {
		t.Fatal(err)
	}
	only := func(orders ...Order) (e Entry) {
		for _, o := range orders {
			e.addOrder(o, false)
		}
		e.Rows = mergeRows(e.Rows)
		return e
	}
	for i, o := range orders {
		err := s.Save(t.Context(), only(o))
		if behind := i == 1 || i == 2; errors.Is(err, errBehind) != behind || !behind && err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := s.Save(t.Context(), only(orders...)); !errors.Is(err, ErrRefused) {
		t.Errorf("all together: %v", err)
	}
	if err := s.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := s.Again(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].text() != orders[0].text() || list[0].Sale != "joins" || !list[0].Held {
		t.Fatalf("%+v %v", list, err)
	}
	if err := s.Refuse(t.Context(), Refused{list[0], "y"}); err != nil {
		t.Fatal(err)
	}
	if list, err = s.Again(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	again := only(orders[0])
	again.Again = orders[:1]
	if err := s.Save(t.Context(), again); err != nil {
		t.Error(err)
	}
	if n, err := s.ParkedOrders(t.Context()); err != nil || n != 0 {
		t.Errorf("%d parked, %v", n, err)
	}
	if err := s.Save(t.Context(), only(orders[1:]...)); err != nil {
		t.Error(err)
	}
}

func suiteIdentity(t *testing.T, s testRepository) {
	a, err := s.Binding(t.Context())
	b, err2 := s.Binding(t.Context())
	if err != nil || err2 != nil || a != b || len(a.ID) < 32 || a.Place == "" || a.Name == "" {
		t.Errorf("%+v %v, %+v %v", a, err, b, err2)
	}
	if n, known, err := s.Stored(t.Context(), "joins", 77); n != 0 || !known || err != nil {
		t.Errorf("nothing is stored: %d %v %v", n, known, err)
	}
	e := entryOf(t, "joins", story(5, 3, 1000, ledger.Confirmed, false))
	for _, e := range []Entry{e, entryOf(t, "joins", story(8, 1, 900, ledger.Reserved, false))} {
		if err := s.Save(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if n, known, err := s.Stored(t.Context(), "joins", 77); n != 2010 || !known || err != nil {
			t.Errorf("stored: %d %v %v", n, known, err)
		}
	}
	s.do(t, "DELETE FROM spike_marks")
	if _, known, err := s.Stored(t.Context(), "joins", 77); known || err != nil {
		t.Errorf("rows of old: %v %v", known, err)
	}
}
