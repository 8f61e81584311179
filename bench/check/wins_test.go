package check

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func won(serial int, token, until string) string {
	return fmt.Sprintf(`{"code":1,"msg":"抢票成功","data":{"sale":"ticket","serial":%d,"token":%q%s}}`, serial, token, until)
}

func texts(all []Finding) string {
	lines := make([]string, 0, len(all))
	for _, f := range all {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

func TestWins(t *testing.T) {
	past := `,"expires_at":"2001-01-01T00:00:00Z"`
	future := `,"expires_at":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"`
	for _, c := range []struct {
		name   string
		bodies []string
		want   string
	}{
		{"none", []string{`{"code":-1,"msg":"已售罄"}`}, "ok   nobody won"},
		{"three", []string{won(1, "a", ""), won(2, "b", ""), won(3, "c", future)}, "ok   3 wins: no serial twice, a token with each"},
		{"twice", []string{won(1, "a", ""), won(1, "b", "")}, "FAIL 1 win of a serial somebody had already: 1"},
		{"twice within the hold", []string{won(1, "a", future), won(1, "b", future)}, "FAIL 1 win of a serial somebody had already: 1"},
		{"again after the hold", []string{won(1, "a", past), won(1, "b", future)}, "ok   2 wins: no serial twice, a token with each"},
		{"no token", []string{won(1, "", "")}, "FAIL 1 buyer won without a token"},
		{"no serial", []string{`{"code":1,"data":{"token":"a"}}`}, "FAIL 1 buyer won without a serial"},
		{"another code", []string{`{"code":7}`}, `FAIL 1 answer with status 200 not in the words of the contract: "{\"code\":7}"`},
		{"no JSON", []string{"hello"}, `FAIL 1 answer with status 200 not in the words of the contract: "hello"`},
		{"blank before the code", []string{`{"code": -1}`}, "ok   nobody won"},
	} {
		var w Wins
		for _, body := range c.bodies {
			w.Note(200, []byte(body))
		}
		if got := texts(w.Findings()); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestWinsAreCountedAsTheyCome(t *testing.T) {
	var w Wins
	for i, c := range []struct {
		status int
		body   string
		want   int64
	}{{200, won(5, "a", ""), 1}, {503, `{"code":-5}`, 0}, {200, `{"code":-1}`, 0}, {200, won(9, "b", ""), 2}, {200, "", 0}} {
		if got := w.Note(c.status, []byte(c.body)); got != c.want {
			t.Errorf("answer %d: %d, want %d", i, got, c.want)
		}
	}
	if w.Count() != 2 || w.Highest() != 9 {
		t.Errorf("%d wins, highest %d", w.Count(), w.Highest())
	}
}

func TestSomeSerials(t *testing.T) {
	if got := some([]uint64{9, 2, 2, 7, 5, 4, 3}); got != "2, 3, 4, 5, 7, ..." {
		t.Error(got)
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := Number(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
