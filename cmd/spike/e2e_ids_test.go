//go:build e2e

package main

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"spike/bench/rig/rigtest"
)

// One id joins all that is known of a reservation: the buyer's answer, the answer to the payment, the webhook and the order,
// though every serial was sold twice. The join is SQL, and the id is all that it joins by.
func TestOneIDJoinsAnswersPaymentsWebhooksAndOrders(t *testing.T) {
	units := 2_000
	if long() {
		units = 10_000 // 20,000 sales
	}
	for name, open := range map[string]func(*testing.T) (driver, source, url string){
		"postgres": func(t *testing.T) (string, string, string) {
			url := rigtest.StartPostgres(t).URL("postgres")
			return "pgx", url, url
		},
		"sqlite": func(t *testing.T) (string, string, string) {
			file := filepath.Join(t.TempDir(), "orders.db")
			return "sqlite", "file:" + file + "?_pragma=busy_timeout(10000)", "sqlite:" + file
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			driver, source, url := open(t)
			redis := startRedis(t)
			mustSpike(t, "sale", "create", "ticket", "--total", strconv.Itoa(units), "--hold", "1h", "--redis", redis.addr)
			shop := &idShop{edge: startEdge(t, "--redis", redis.addr), answers: make(chan idAnswer, 4*units)}
			var wrong atomic.Int64
			endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if body, err := io.ReadAll(r.Body); err != nil || !idInMessage.Match(body) {
					wrong.Add(1)
				}
			}))
			t.Cleanup(endpoint.Close)
			startOrders(t, "--redis", redis.addr, "--db", url, "--webhook", endpoint.URL,
				"--webhook-secret", "whsec_"+strings.Repeat("QUFB", 8))

			shop.sellOut(t, units, "cancel")
			shop.sellOut(t, units, "confirm")
			close(shop.answers)

			db, err := sql.Open(driver, source)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			joinedByID(t, db, shop.answers, units)
			if wrong.Load() > 0 {
				t.Errorf("%d webhooks had no id", wrong.Load())
			}
		})
	}
}

var idInMessage = regexp.MustCompile(`"reservation":"rsv_[0-9a-f]{42}"`)

// idAnswer is an answer of the edge that has a reservation's id.
type idAnswer struct {
	kind, id string
	serial   int
}

// idShop buys, and does something about each reservation.
type idShop struct {
	edge    *testServer
	answers chan idAnswer
}

const idBuyers = 16

// sellOut buys all units one by one, and then cancels or confirms each reservation.
func (s *idShop) sellOut(t *testing.T, units int, then string) {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(units))
	var buying sync.WaitGroup
	tokens := make(chan string, units)
	for range idBuyers {
		buying.Go(func() {
			c := rigtest.NewConn(t, s.edge.addr)
			for left.Add(-1) >= 0 && !t.Failed() {
				if token := s.buy(c); token != "" {
					tokens <- token
				} else {
					t.Errorf("no unit within %v", patience)
				}
			}
		})
	}
	buying.Wait()
	close(tokens)
	t.Logf("%d are sold", units)
	for range idBuyers {
		buying.Go(func() {
			addr, api := s.edge.addr, "/v1"
			if then == "confirm" {
				addr, api = s.edge.admin, "/api/v1"
			}
			c := rigtest.NewConn(t, addr)
			for token := range tokens {
				a, err := c.Ask("POST", api+"/reservations/"+token+"/"+then)
				state := rigtest.Bought(a).State
				if err != nil || !strings.HasPrefix(state, then) {
					t.Errorf("%s: %v %v", then, a, err)
				}
				s.heard(state, a)
			}
		})
	}
	buying.Wait()
}

// buy asks until a unit is had, and returns its token; "": none was.
func (s *idShop) buy(c *rigtest.Conn) string {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if a, err := c.Ask("GET", "/buy/ticket"); err == nil && a.Word() == rigtest.Won {
			return s.heard("won", a).Token
		}
	}
	return ""
}

// heard notes an answer.
func (s *idShop) heard(kind string, a rigtest.Answer) rigtest.Reservation {
	r := rigtest.Bought(a)
	s.answers <- idAnswer{kind, r.ID, int(r.Serial)}
	return r
}

// joinedByID puts the answers into a table beside the orders, and joins.
func joinedByID(t *testing.T, db *sql.DB, answers <-chan idAnswer, units int) {
	t.Helper()
	eventually(t, 10*patience, "all orders are stored", func() bool {
		return count(t, db, "SELECT count(*) FROM orders WHERE state <> 'pending'") == 2*units
	})
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("CREATE TABLE answers (kind text, reservation text, serial bigint)"); err != nil {
		t.Fatal(err)
	}
	var values []string
	flush := func() {
		if len(values) > 0 {
			if _, err := tx.Exec("INSERT INTO answers VALUES " + strings.Join(values, ",")); err != nil {
				t.Fatal(err)
			}
		}
		values = values[:0]
	}
	for a := range answers {
		if values = append(values, fmt.Sprintf("('%s','%s',%d)", a.kind, a.id, a.serial)); len(values) == 500 {
			flush()
		}
	}
	flush()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	told := "CREATE TABLE told AS SELECT type, substr(body, strpos(body, '\"rsv_') + 1, 46) AS reservation FROM deliveries"
	if _, err := db.Exec("SELECT strpos('a', 'a')"); err != nil { // SQLite calls it otherwise
		told = strings.ReplaceAll(told, "strpos", "instr")
	}
	for _, statement := range []string{told,
		"CREATE INDEX told_by_id ON told (reservation, type)", "CREATE INDEX answers_by_id ON answers (reservation, kind)"} {
		if _, err := db.Exec(statement); err != nil { // SQLite has no other plan than an index for 20,000 of each
			t.Fatal(err)
		}
	}
	for query, want := range map[string]int{
		// every serial was sold twice, and each sale has an id of its own
		"SELECT count(DISTINCT serial) FROM orders":      units,
		"SELECT count(DISTINCT reservation) FROM orders": 2 * units,
		// a buyer's answer, the payment's answer, both webhooks and the order: by the id alone
		`SELECT count(*) FROM orders o
			JOIN answers w ON w.reservation = o.reservation AND w.kind = 'won'
			JOIN answers p ON p.reservation = o.reservation AND p.kind = o.state
			JOIN told r ON r.reservation = o.reservation AND r.type = 'reserved'
			JOIN told e ON e.reservation = o.reservation
				AND e.type = CASE o.state WHEN 'cancelled' THEN 'released' ELSE 'confirmed' END
			WHERE w.serial = o.serial AND p.serial = o.serial`: 2 * units,
		"SELECT count(*) FROM orders WHERE state = 'confirmed'": units,
	} {
		if n := count(t, db, query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Log(err)
		return -1
	}
	return n
}
