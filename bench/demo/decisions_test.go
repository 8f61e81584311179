package demo

import (
	"strings"
	"testing"
)

const log = `{"sale":"ticket","us":100,"message":"result:1,localSales:1"}
{"sale":"ticket","us":300,"message":"result:1,localSales:3"}
{"sale":"ticket","us":200,"message":"result:1,localSales:2"}
{"sale":"ticket","us":400,"message":"result:0,localSales:3"}
`

func TestJournal(t *testing.T) {
	j, err := journalOf(strings.NewReader(log))
	if err != nil || j.Lines != 4 || j.Won != 3 || j.Top != 3 || j.First != 100 {
		t.Fatalf("%+v, %v", j, err)
	}
	for us, want := range map[int64]int64{99: 0, 100: 1, 200: 2, 250: 2, 300: 3, 9999: 3} {
		if got := j.soldBy(us); got != want {
			t.Errorf("sold by %d: %d, want %d", us, got, want)
		}
	}
}

func TestJournalRefusesWhatIsNoDecision(t *testing.T) {
	for _, line := range []string{"hello", `{"us":1,"message":"result:"}`, `{"us":1,"message":"result:2,localSales:1"}`,
		`{"message":"result:1,localSales:1"}`} {
		if _, err := journalOf(strings.NewReader(log + line + "\n")); err == nil || !strings.Contains(err.Error(), "line 5") {
			t.Errorf("%q: %v", line, err)
		}
	}
}
