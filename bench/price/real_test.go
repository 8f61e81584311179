package price

import (
	"bytes"
	"slices"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestPartsOfRealSales(t *testing.T) {
	both := Real{Base: "other"}.parts()
	want := []string{"anonymous, this", "anonymous, base", "limit+key, this", "limit+key, base"}
	if len(both) != 4 || both[0].Name != "selling" || !slices.Equal(both[0].Subjects, want) {
		t.Errorf("%+v", both)
	}
	// A sale without a limit has nobody over it.
	if over := (Real{Only: []string{"over"}}).parts(); len(over) != 1 || !slices.Equal(over[0].Subjects, []string{realSale}) {
		t.Errorf("%+v", over)
	}
	some := Real{Only: []string{"soldout"}, Sales: []string{"limit", "buyer"}}.parts()
	if len(some) != 1 || !slices.Equal(some[0].Subjects, []string{"buyer", "limit"}) {
		t.Errorf("%+v", some)
	}
}

// Each request has a buyer, a key and an id of its own, and the headers that nginx.conf.tmpl passes on. Nothing else is sent.
func TestEachRequestIsAnothers(t *testing.T) {
	s := &site{kind: kinds.of(realSale)}
	seen := map[string]bool{}
	for n := range int64(5000) {
		var h fasthttp.RequestHeader
		h.SetMethod(fasthttp.MethodPost)
		s.dress(n, &h)
		for _, name := range []string{"X-Buyer-Id", "Idempotency-Key", "X-Request-ID"} {
			value := name + string(h.Peek(name))
			if len(h.Peek(name)) == 0 || seen[value] {
				t.Fatalf("request %d: %s again", n, value)
			}
			seen[value] = true
		}
		if lines := bytes.Count(h.Header(), []byte("\r\n")); lines != 1+5+1 {
			t.Fatalf("%d lines: %s", lines, h.Header())
		}
	}
}

func TestRegularsComeAgainWithFreshKeys(t *testing.T) {
	s := &site{kind: kinds.of(realSale), few: 10}
	var first, second fasthttp.RequestHeader
	s.dress(3, &first)
	s.dress(13, &second)
	if string(first.Peek("X-Buyer-Id")) != string(second.Peek("X-Buyer-Id")) ||
		string(first.Peek("Idempotency-Key")) == string(second.Peek("Idempotency-Key")) {
		t.Errorf("%s\n%s", first.Header(), second.Header())
	}
}
