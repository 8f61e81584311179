package crowd

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func printed(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The files in testdata are the output of wrk 4.1.0 and ab 2.3 against a small server. The server answered well, answered
// with 503, varied its lengths, or closed some connections.
func TestParse(t *testing.T) {
	const us, ms = time.Microsecond, time.Millisecond
	for _, c := range []struct {
		file  string
		parse func(string) (Measurement, error)
		want  Measurement
	}{
		{"wrk_clean", parseWrk, Measurement{Tool: "wrk", Requests: 93724, Elapsed: 1100 * ms, PerSec: 85229.67,
			P50: 127 * us, P75: 169 * us, P90: 215 * us, P99: 1180 * us}},
		{"wrk_non2xx", parseWrk, Measurement{Tool: "wrk", Requests: 86185, Elapsed: 1100 * ms, PerSec: 78334.97,
			P50: 122 * us, P75: 169 * us, P90: 226 * us, P99: 910 * us, Non2xx: 86185}},
		{"wrk_socket", parseWrk, Measurement{Tool: "wrk", Requests: 90953, Elapsed: 1100 * ms, PerSec: 82748.11,
			P50: 131 * us, P75: 192 * us, P90: 276 * us, P99: 3330 * us, SocketErrors: 91}},
		{"ab_clean", parseAB, Measurement{Tool: "ab", Requests: 5000, Elapsed: 59 * ms, PerSec: 84265.88}},
		{"ab_length", parseAB, Measurement{Tool: "ab", Requests: 5000, Elapsed: 60 * ms, PerSec: 82884.38, Failed: 2500}},
		{"ab_non2xx", parseAB, Measurement{Tool: "ab", Requests: 2000, Elapsed: 19 * ms, PerSec: 103605.47, P99: ms, Non2xx: 2000}},
	} {
		t.Run(c.file, func(t *testing.T) {
			got, err := c.parse(printed(t, c.file))
			if err != nil || got != c.want {
				t.Fatalf("got  %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestFaultsAreAddedUp(t *testing.T) {
	m := Measurement{Non2xx: 1, SocketErrors: 2, Failed: 4}
	if m.Faults() != 7 {
		t.Fatalf("got %d", m.Faults())
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	wrk, ab := printed(t, "wrk_clean"), printed(t, "ab_clean")
	for name, c := range map[string]struct {
		parse func(string) (Measurement, error)
		out   string
	}{
		"empty wrk":                  {parseWrk, ""},
		"empty ab":                   {parseAB, ""},
		"connection refused":         {parseWrk, printed(t, "wrk_refused")},
		"wrk without latency":        {parseWrk, strings.Replace(wrk, "99%", "98%", 1)},
		"wrk with a new unit":        {parseWrk, strings.Replace(wrk, "in 1.10s", "in 1.10 fortnights", 1)},
		"wrk socket line reworded":   {parseWrk, wrk + "  Socket errors: plenty\n"},
		"wrk non-2xx line reworded":  {parseWrk, wrk + "  Non-2xx: 5\n"},
		"ab cut short":               {parseAB, ab[:len(ab)/2]},
		"ab with a word for failed":  {parseAB, strings.Replace(ab, "Failed requests:        0", "Failed requests: none", 1)},
		"ab failures without reason": {parseAB, strings.Replace(ab, "Failed requests:        0", "Failed requests: 3", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := c.parse(c.out); !errors.Is(err, ErrOutput) {
				t.Fatalf("accepted as %+v, %v", m, err)
			}
		})
	}
}
