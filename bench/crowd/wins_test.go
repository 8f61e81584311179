package crowd

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func won(serial int, token, more string) string {
	return fmt.Sprintf(`{"code":1,"msg":"抢票成功","data":{"sale":"ticket","serial":%d,"token":%q%s}}`, serial, token, more)
}

func TestWins(t *testing.T) {
	past := `,"expires_at":"2001-01-01T00:00:00Z"`
	future := `,"expires_at":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"`
	for _, c := range []struct {
		name   string
		bodies []string
		wins   int
		want   string
	}{
		{"none", []string{`{"code":-1,"msg":"已售罄"}`}, 0, ""},
		{"three", []string{won(1, "a", ""), won(2, "b", ""), won(3, "c", future)}, 3, ""},
		{"twice", []string{won(1, "a", ""), won(1, "b", "")}, 2, "1 win of a serial somebody had already: 1"},
		{"twice within the hold", []string{won(1, "a", future), won(1, "b", future)}, 2, "1 win of a serial somebody had already: 1"},
		{"again after the hold", []string{won(1, "a", past), won(1, "b", future)}, 2, ""},
		{"one of three twice", []string{won(5, "a", `,"count":3`), won(7, "b", "")}, 2, "1 win of a serial somebody had already: 7"},
		{"no token", []string{won(1, "", "")}, 1, "1 buyer won without a token"},
		{"no serial", []string{`{"code":1,"data":{"token":"a"}}`}, 1, "1 buyer won without a serial"},
		{"another code", []string{`{"code":7}`}, 0, `1 answer with status 200 not in the words of the contract: "{\"code\":7}"`},
		{"no JSON", []string{"hello", `{"code":1,`}, 0, `2 answers with status 200 not in the words of the contract: "{\"code\":1,"`},
		{"blank before the code", []string{`{"code": -1}`}, 0, ""},
	} {
		w := Wins{Keep: true}
		for _, body := range c.bodies {
			w.Note(Answer{Status: 200, Body: []byte(body)})
		}
		if got := strings.Join(w.Wrong(), "\n"); got != c.want || w.Count(Won) != c.wins {
			t.Errorf("%s: %d wins\n got %s\nwant %s", c.name, w.Count(Won), got, c.want)
		}
	}
}

func TestAnswersAreCountedAsTheyCome(t *testing.T) {
	w := Wins{Keep: true}
	for i, c := range []struct {
		status int
		body   string
		word   Word
		nth    int
	}{{200, won(5, "a", ""), Won, 1}, {500, `{"code":-5}`, Odd, 1}, {200, `{"code":-1}`, SoldOut, 1}, {200, won(9, "b", ""), Won, 2},
		{201, `{"state":"pending","serial":7,"token":"c"}`, Won, 3}, {200, "", Odd, 2}} {
		if word, nth := w.Note(Answer{Status: c.status, Body: []byte(c.body)}); word != c.word || nth != c.nth {
			t.Errorf("answer %d: %v %d, want %v %d", i, word, nth, c.word, c.nth)
		}
	}
	if w.Count(Won) != 3 || w.Highest() != 9 || len(w.Serials()) != 3 || !w.Has(7) || w.Has(8) || w.Units()[7].Token != "c" {
		t.Errorf("%d wins, highest %d, %v", w.Count(Won), w.Highest(), w.Units())
	}
	if want := `1 answer with status 200: "", 1 answer with status 500: "{\"code\":-5}"`; w.Odd() != want {
		t.Errorf("%s, want %s", w.Odd(), want)
	}
}

func TestSomeSerials(t *testing.T) {
	if got := some([]uint64{9, 2, 2, 7, 5, 4, 3}); got != "2, 3, 4, 5, 7, ..." {
		t.Error(got)
	}
}
