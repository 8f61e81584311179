package lab

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestHopsOfARoute(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`: nil,
		`[{"dst":"10.99.99.99","gateway":"10.1.2.2","dev":"d2","protocol":"ospf","metric":20,"flags":[]}]`: {"d2"},
		`[{"dst":"10.99.99.99","protocol":"ospf","flags":[],"nexthops":[
			{"gateway":"10.1.2.2","dev":"d2","weight":1,"flags":[]},
			{"gateway":"10.1.1.2","dev":"d1","weight":1,"flags":[]}]}]`: {"d1", "d2"},
		`[{"dst":"10.99.99.99","flags":[],"nexthops":[
			{"dev":"d1","weight":1,"flags":["dead","linkdown"]},{"dev":"d2","weight":1,"flags":[]}]}]`: {"d2"},
		`Error: no such device`: nil,
	} {
		if got := hopsOf(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestPacketsOfLinks(t *testing.T) {
	got := packetsOf(`[{"ifname":"d1","stats64":{"rx":{"packets":7},"tx":{"packets":12}}},{"ifname":"lo"}]`)
	if got["d1"] != 12 || got["lo"] != 0 {
		t.Fatalf("got %v", got)
	}
}

// A log is read as it grows, and a director's question is no buy.
func TestLinesOfAGrowingLog(t *testing.T) {
	c := lineCounter{file: filepath.Join(t.TempDir(), "access.log")}
	if n := c.count(); n != 0 {
		t.Fatalf("%d lines of no file", n)
	}
	const buy = `2026 10.0.0.2 "POST /buy/calm HTTP/1.1" 200 0.001` + "\n"
	const check = `2026 10.2.0.1 "GET /.. HTTP/1.1" 400 0.000` + "\n"
	for want, text := range []string{check, buy + check + buy[:30], buy[30:]} {
		f, err := os.OpenFile(c.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		c.count()
		if want == 2 && c.n != 2 {
			t.Fatalf("%d buys", c.n)
		}
	}
}

func TestSharesSinceASample(t *testing.T) {
	at := func(n ...int64) sample {
		l := layer{name: "edges"}
		for _, k := range n {
			l.parts = append(l.parts, part{"e", k})
		}
		return sample{l}
	}
	if got := at(110, 30, 60).less(at(100, 10, 70))[0].shares(); got != "11/22/67" { // the third was restarted: 60
		t.Errorf("got %s", got)
	}
	if got := at(5, 5).less(at(5, 5))[0].shares(); got != "-/-" {
		t.Errorf("nothing carried: %s", got)
	}
	if at(1, 2).of("edges") != 3 || at(1).of("nginx") != 0 {
		t.Error("the sum of a layer is wrong")
	}
}

func TestAPanicIsAnError(t *testing.T) {
	done := false
	err := together(t.Context(), func(context.Context) error { panic("oh") },
		func(context.Context) error { done = true; return nil })
	if err == nil || !done {
		t.Fatalf("err %v, the other done %v", err, done)
	}
}
