package crowd

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

func TestCode(t *testing.T) {
	for _, c := range []struct {
		body  string
		code  int
		found bool
	}{
		{`{"code":1,"msg":"x"}`, 1, true}, {`{"code":-4}`, -4, true}, {`{"code": -4}`, -4, true}, {`{"code":12`, 12, true},
		{`{"code":"sold_out"}`, 0, false}, {`{"code":`, 0, false}, {`{"code":-`, 0, false}, {`{"code":1234567890}`, 0, false},
		{``, 0, false},
	} {
		if code, found := (Answer{Body: []byte(c.body)}).Code(); code != c.code || found != c.found {
			t.Errorf("%s: %d, %v", c.body, code, found)
		}
	}
}

func TestReservation(t *testing.T) {
	until := time.Date(2026, 11, 22, 23, 5, 0, 0, time.UTC)
	article := Reservation{Sale: "ticket", Serial: 17, Token: "abc", ExpiresAt: until}
	for body, want := range map[string]Reservation{
		`{"code":1,"msg":"抢票成功","data":{"sale":"ticket","serial":17,"token":"abc","expires_at":"2026-11-22T23:05:00Z"}}`: article,
		`{"state":"pending","sale":"ticket","serial":3,"count":2,"reservation":"rsv_1","expires_in_ms":5,"token":"abc"}`: {
			Sale: "ticket", Serial: 3, Count: 2, ID: "rsv_1", Token: "abc", State: "pending"},
		`{"code":-4,"msg":"已达限购数量","data":{"sale":"ticket","token":"abc"}}`: {Sale: "ticket", Token: "abc"},
		`{"code":-1,"msg":"已售罄"}`: {},
	} {
		if got, err := (Answer{Body: []byte(body)}).Reservation(); got != want || err != nil {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	for _, body := range []string{``, `nothing`, `{"serial":"one"}`, `{"data":{"expires_at":"soon"}}`} {
		if got, err := (Answer{Body: []byte(body)}).Reservation(); err == nil {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

var recorded = regexp.MustCompile(`(?s)^(\w+ .*?) HTTP/1.1\n.*?\nHTTP/1.1 (\d+) (.*?)\n\n(.*)$`)

// golden reads the edge's recorded answers to a request. In them tokens and times are replaced.
func golden(t *testing.T, file, request string) (words []Word) {
	t.Helper()
	text, err := os.ReadFile("../../edge/testdata/answers/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "### ") {
		m := recorded.FindStringSubmatch(part)
		if m == nil || m[1] != request {
			continue
		}
		a := Answer{Body: []byte(m[4]), Header: &fasthttp.ResponseHeader{}}
		a.Status, _ = strconv.Atoi(m[2])
		if strings.Contains(m[3], "\nRetry-After: ") {
			a.Header.Set("Retry-After", "1")
		}
		words = append(words, a.Word())
	}
	return words
}

// What a buyer hears means the same in each format of the edge.
func TestWordsOfEachFormat(t *testing.T) {
	for sale, want := range map[string]Word{"ticket": Won, "other": Won, "closed": Closed, "held": NoneNow, "paused": Paused,
		"soon": Unopened, "none": NoSuch, "entering": Entered, "limited": OverLimit, "limited?n=2": TooMuch} {
		name, query, _ := strings.Cut(sale, "?")
		v1 := strings.TrimSuffix("POST /v1/sales/"+name+"/reservations?"+query, "?")
		for file, request := range map[string]string{"article-zh.http": "GET /buy/" + sale, "article-en.http": "POST /buy/" + sale,
			"v1.http": v1} {
			if words := golden(t, file, request); !slices.Contains(words, want) {
				t.Errorf("%s: %s: %v, want %v", file, request, words, want)
			}
		}
	}
	for _, c := range []struct {
		file, request string
		want          Word
	}{
		{"article-zh.http", "GET /buy/ticket", Undecided}, {"article-en.http", "POST /buy/ticket", Undecided},
		{"article-zh.http", "GET /buy/one-buyByGet", SoldOut}, {"v1.http", "POST /v1/sales/one-reserve/reservations", SoldOut},
		{"v1.http", "POST /v1/sales/ticket/reservations", Undecided}, {"v1.http", "POST /v1/reservations/none/cancel", NoSuch},
		{"v1.http", tokenOf(1), Cancelled}, {"v1.http", tokenOf(2), Confirmed},
		{"v1.http", "POST" + tokenOf(2)[3:] + "/cancel", Confirmed},
		{"v1.http", tokenOf(3), Pending}, {"v1.http", tokenOf(4), Refunded}, {"v1.http", tokenOf(999), Expired},
		{"v1.http", "GET /buy/a%2Fb", Odd}, {"v1.http", "PATCH /buy/ticket", Odd},
	} {
		if words := golden(t, c.file, c.request); !slices.Contains(words, c.want) {
			t.Errorf("%s: %s: %v, want %v", c.file, c.request, words, c.want)
		}
	}
}

// tokenOf asks for a reservation of the golden answers.
func tokenOf(serial int) string {
	return fmt.Sprintf("GET /v1/reservations/(token of serial %d, count 1, buyer 0000000000000000)", serial)
}

// An answer that nobody promised has no good meaning.
func TestOddAnswers(t *testing.T) {
	for _, a := range []Answer{{}, {Status: 200}, {Status: 200, Body: []byte(`{"code":2}`)},
		{Status: 503, Body: []byte(`{"code":-5}`)},
		{Status: 201, Body: []byte(`{"code":1}`)}, {Status: 500, Body: []byte(`{"code":-1}`)}, {Status: 404, Body: []byte(`nothing`)}} {
		if got := a.Word(); got != Odd {
			t.Errorf("%v: %v", a, got)
		}
	}
	if got := (Answer{Status: 408}).Word(); got != Refused {
		t.Error(got)
	}
}

func TestMeaning(t *testing.T) {
	for code, want := range map[int]Word{1: Won, -1: SoldOut, -2: Unopened, -3: Closed, -4: OverLimit, -5: Undecided,
		-7: TooMany, 7: Odd} {
		if got := Meaning(code); got != want {
			t.Errorf("%d: %v", code, got)
		}
	}
}
