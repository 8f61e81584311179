package order

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"spike/luascripts/ledger"
)

// A table as a version without ids of reservations left it, with columns that its operator has added.
const beforeIDs = `
	INSERT INTO orders (sale, birth, serial, fence, nonce, first_serial, units, state)
		VALUES ('a', 1125899906842624, 7, 2251799813685248, 5, 7, 1, 'confirmed'), ('a', 9, 8, 10, 11, 8, 1, 'pending');
	INSERT INTO parked_orders (sale, birth, serial, units, fence, number, kind, why, event, held)
		VALUES ('a', 9, 9, 1, 12, 3, 'reserved', 'a test', '{"Number":3,"Claims":[{"Serial":9,"Nonce":9007199254740992}]}', false);
	CREATE VIEW mine AS SELECT serial, state FROM orders WHERE birth = 9;`

// upgraded checks a database that has stored beforeIDs, and was brought up to date.
func upgraded(t *testing.T, s testRepository) {
	t.Helper()
	first := ledger.Claim{Fence: 1 << 51, Nonce: 5}.Reservation(1 << 50)
	parked := ledger.Claim{Fence: 12, Nonce: 1 << 53}.Reservation(9)
	for query, want := range map[string]int{
		"SELECT count(*) FROM orders WHERE reservation = '" + first + "'":                       1,
		"SELECT count(*) FROM order_reservations WHERE reservation = '" + first + "'":           1,
		"SELECT count(*) FROM parked_orders WHERE reservation = '" + parked + "'":               1,
		"SELECT count(*) FROM orders WHERE reservation IS NULL OR reservation NOT LIKE 'rsv_%'": 0,
		"SELECT count(*) FROM mine": 1,
	} {
		if n, err := s.count(query); err != nil || n != want {
			t.Errorf("%s: %d, want %d (%v)", query, n, want, err)
		}
	}
	s.do(t, "UPDATE orders SET state = 'refunded' WHERE serial = 7")
	if err := s.Save(t.Context(), entryOf(t, "b", story(1, 2, 1000, ledger.Refunded, false))); err != nil {
		t.Error(err)
	}
	if err := s.Save(t.Context(), Entry{Rows: []Row{{Key: Key{Sale: "c", Birth: 1, Serial: 1, Fence: 1}}}}); err == nil {
		t.Error("a row in no state of the table's was taken")
	}
}

func TestOldSQLiteGetsIDs(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "old.db")
	repo, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	db := repo.(*sqlite).db
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	old, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithTableName(migrationsTable))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.UpTo(context.Background(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(beforeIDs + `CREATE TRIGGER none BEFORE INSERT ON orders WHEN NEW.sale = 'evil'
		BEGIN SELECT RAISE(ABORT, 'not here'); END`); err != nil {
		t.Fatal(err)
	}
	repo.Close()
	s := openTestRepository(t, url)
	upgraded(t, s)
	evil := entryOf(t, "evil", story(1, 1, 1000, ledger.Reserved, false))
	if err := s.Save(t.Context(), evil); err == nil {
		t.Error("the operator's trigger is gone")
	}
	if n, err := s.count("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"); err != nil || n != 0 {
		t.Errorf("%d faults, %v", n, err)
	}
}
