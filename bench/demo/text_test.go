package demo

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"
	"unicode/utf8"

	"spike/bench/crowd"
	"spike/bench/report"
)

var update = flag.Bool("update", false, "write testdata/report.txt anew")

func TestTextGolden(t *testing.T) {
	a := right()
	a.Machine = report.Machine{CPU: "A CPU", Cores: 2, OS: "linux/amd64", Kernel: "Linux 6", Go: "go1.26", Commit: "0123456",
		Command: "spike demo", Time: "2026-11-22T23:05:00Z"}
	a.LastAt, a.SoldOutN, a.SoldOutFor, a.Dir = 7*time.Millisecond, 1, 20000, "/tmp/demo"
	a.Load.Elapsed = 12 * time.Second
	a.Load.Latency = crowd.Latency{P50: 90 * time.Microsecond, P90: 4 * time.Millisecond, P99: 31 * time.Millisecond,
		P999: 320 * time.Millisecond, Max: 1200 * time.Millisecond}
	a.judge(seen("1", "2", "3", "4", "5", "6"))
	var got bytes.Buffer
	if err := a.Text(&got); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/report.txt"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%v: differs from %s; look at it, then go test ./bench/demo -update\n%s", err, golden, &got)
	}
	for line := range bytes.Lines(got.Bytes()) {
		if n := utf8.RuneCount(bytes.TrimRight(line, "\n")); n > width || bytes.HasSuffix(line, []byte(" \n")) {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

func TestPer(t *testing.T) {
	for _, c := range []struct {
		n, each int64
		want    string
	}{{152, 10_000, "0.015"}, {151, 987_198, "0.00015"}, {0, 5, "0"}, {1, 0, "-"}, {10, 5, "2"}, {3, 2, "1.5"}, {1, 2, "0.5"}} {
		if got := per(c.n, c.each); got != c.want {
			t.Errorf("%d per %d: %s, want %s", c.n, c.each, got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0.00 ms", 1234 * time.Microsecond: "1.23 ms", 37 * time.Millisecond: "37 ms",
		1234 * time.Millisecond: "1.23 s", 61 * time.Second: "61.0 s"} {
		if got := short(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}
