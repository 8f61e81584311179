package chaos

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

// known is a buy of a known buyer.
func (p past) known(word Word, key, token string, from, to time.Duration) past {
	p = p.op(Buy, word, "", from, to)
	op := &p[len(p)-1]
	op.Buyer, op.Key, op.Token = "ann", key, token
	if word == Won {
		op.Serial, op.Until = uint32(token[0]), from+10
	}
	return p
}

// again is a repeat of a buy that was answered before.
func (p past) again(word Word, key, token string, from, to time.Duration) past {
	p = p.known(word, key, token, from, to)
	p[len(p)-1].Kind, p[len(p)-1].Serial = Again, 0
	return p
}

func TestKeysThatAreRight(t *testing.T) {
	two := past{}.known(Won, "k", "a", 1, 2).known(Won, "l", "b", 3, 4)
	for name, h := range map[string]past{
		"as many as the limit": two.known(OverLimit, "m", "a", 5, 6),
		"repeats":              two.again(Won, "k", "a", 1, 9).again(Won, "l", "b", 3, 9),
		"one is cancelled":     two.op(Cancel, Cancelled, "a", 5, 6).known(Won, "m", "c", 7, 8),
		"one is over":          two.known(Won, "m", "c", 12, 13),
		"one may be over":      two.known(OverLimit, "m", "a", 12, 13),
		"over, and one never told": past{}.known(Won, "k", "a", 1, 2).known(Unknown, "l", "", 3, Forever).
			known(OverLimit, "m", "a", 5, 6),
		"none now, and then won": past{}.known(NoneNow, "k", "", 1, 2).known(Undecided, "k", "", 3, 4).known(Won, "k", "a", 5, 6),
	} {
		if broken := JudgeKeys(h.serials().s(), 2); broken != nil {
			t.Errorf("%s: %v", name, broken)
		}
	}
}

// serials gives an exchange about a token the serial of its win.
func (p past) serials() past {
	for i := range p {
		if p[i].Kind != Buy && p[i].Kind != Again && p[i].Token != "" {
			p[i].Serial = uint32(p[i].Token[0])
		}
	}
	return p
}

// Each broken promise about keys and limits is found and named.
func TestPlantedFaultsOfKeysAreFound(t *testing.T) {
	one := past{}.known(Won, "k", "a", 1, 2)
	for name, c := range map[string]struct {
		h     past
		named string
	}{
		"another unit":          {one.again(Won, "k", "b", 1, 4), "two answers"},
		"over the limit, later": {one.again(OverLimit, "k", "a", 1, 4), "two answers"},
		"three of two":          {one.known(Won, "l", "b", 3, 4).known(Won, "m", "c", 5, 6), "has 3 units"},
		"paid ones count": {one.op(Confirm, Confirmed, "a", 3, 4).known(Won, "l", "b", 21, 22).known(Won, "m", "c", 23, 24),
			"has 3 units"},
		"the limit with one": {one.known(OverLimit, "l", "a", 3, 4), "can have had 1 units of 2"},
		"the limit, when one is cancelled": {one.known(Won, "l", "b", 3, 4).op(Cancel, Cancelled, "a", 5, 6).
			known(OverLimit, "m", "b", 7, 8), "can have had 1 units of 2"},
		"the limit because of a refusal": {one.known(OverLimit, "l", "a", 3, 4).known(OverLimit, "m", "a", 5, 6), "key m is over"},
	} {
		broken := JudgeKeys(c.h.serials().s(), 2)
		if !strings.Contains(strings.Join(broken, "\n"), c.named) {
			t.Errorf("%s: found %v", name, broken)
		}
	}
}

// memberStall is a stall that knows its buyers, and gives each a limit. It may forget keys, or the limit.
type memberStall struct {
	*stall
	forgets      bool // keys
	grants, lies bool // beyond the limit; or a buyer with less hears of it

	mu      sync.Mutex
	has     map[string]int
	answers map[string]*httptest.ResponseRecorder // by key
	buyers  map[string]string                     // by token
}

const memberLimit = 2 // units per buyer

func newMemberStall() *memberStall {
	return &memberStall{stall: newStall(), has: map[string]int{}, answers: map[string]*httptest.ResponseRecorder{},
		buyers: map[string]string{}}
}

func (c *memberStall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	buyer, key := r.Header.Get("X-Buyer-Id"), r.Header.Get("Idempotency-Key")
	answer := c.answers[key]
	switch {
	case buyer == "":
		c.stall.ServeHTTP(w, r)
		if token, cancels := strings.CutSuffix(r.URL.Path, "/cancel"); cancels && c.fate[path.Base(token)] == "cancelled" {
			c.has[c.buyers[path.Base(token)]]--
			delete(c.buyers, path.Base(token))
		}
		return
	case answer != nil && !c.forgets:
	case c.lies && c.has[buyer] > 0, c.has[buyer] >= memberLimit && !c.grants:
		answer = httptest.NewRecorder()
		_, _ = answer.WriteString(`{"code":-4}`)
	default:
		answer = httptest.NewRecorder()
		c.stall.ServeHTTP(answer, r)
	}
	text := answer.Body.String()
	if won := strings.HasPrefix(text, `{"code":1,`); (won || strings.Contains(text, "-4")) && c.answers[key] != answer {
		c.answers[key] = answer
		if won {
			c.has[buyer]++
			_, token, _ := strings.Cut(text, `"token":"`)
			token, _, _ = strings.Cut(token, `"`)
			c.buyers[token] = buyer
		}
	}
	maps.Copy(w.Header(), answer.Header())
	_, _ = w.Write([]byte(text))
}

// Known buyers and their judge are tested together.
func TestKnownBuyersFindOutAStall(t *testing.T) {
	honest, forgets, grants, lies := newMemberStall(), newMemberStall(), newMemberStall(), newMemberStall()
	forgets.forgets, grants.grants, lies.lies = true, true, true
	for _, c := range []struct {
		name  string
		stall *memberStall
		named string
	}{
		{"honest", honest, ""},
		{"forgets keys", forgets, "has two answers"},
		{"knows no limit", grants, "and the limit is 2"},
		{"refuses too early", lies, "can have had 1 units of 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			broken := strings.Join(JudgeKeys(visit(t, c.stall, memberLimit), memberLimit), "\n")
			if !strings.Contains(broken, c.named) || c.named == "" && broken != "" {
				t.Errorf("found %q", broken)
			}
		})
	}
}
