package chaos

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"
)

// told is an answer in the words of the history.
type told struct {
	word   Word
	serial uint32
	token  string
	until  time.Time
	said   string
}

// bought reads the answer to a buy.
func bought(r *fasthttp.Response) told {
	var a struct {
		Code int `json:"code"`
		Data struct {
			Serial uint32    `json:"serial"`
			Token  string    `json:"token"`
			Until  time.Time `json:"expires_at"`
		} `json:"data"`
	}
	again := len(r.Header.Peek(fasthttp.HeaderRetryAfter)) > 0
	bad := json.Unmarshal(r.Body(), &a) != nil
	switch status := r.StatusCode(); {
	case status == fasthttp.StatusServiceUnavailable && again:
		return told{word: Undecided}
	case status == fasthttp.StatusRequestTimeout: // the edge stood still while the request lay before it: it was never read
		return told{word: Refused}
	case status != fasthttp.StatusOK || bad:
	case a.Code == 1 && a.Data.Serial > 0 && a.Data.Token != "" && !a.Data.Until.IsZero():
		return told{word: Won, serial: a.Data.Serial, token: a.Data.Token, until: a.Data.Until}
	case a.Code == -1 && again:
		return told{word: NoneNow}
	case a.Code == -1:
		return told{word: SoldOut}
	case a.Code == -4:
		return told{word: OverLimit, token: a.Data.Token, said: quote(r)}
	}
	return told{word: Odd, said: quote(r)}
}

var (
	states   = map[string]Word{"pending": Pending, "confirmed": Confirmed, "cancelled": Cancelled, "expired": Expired}
	problems = map[string]Word{"already_confirmed": Confirmed, "already_cancelled": Cancelled, "already_expired": Expired}
)

// shown reads the answer to a token.
func shown(r *fasthttp.Response) told {
	var a struct{ State, Code string }
	bad := json.Unmarshal(r.Body(), &a) != nil
	word := Unknown
	switch again := len(r.Header.Peek(fasthttp.HeaderRetryAfter)) > 0; r.StatusCode() {
	case fasthttp.StatusServiceUnavailable:
		if again {
			return told{word: Unknown}
		}
	case fasthttp.StatusRequestTimeout: // never read: ask again
		return told{word: Unknown}
	case fasthttp.StatusNotFound:
		return told{word: NoSuch, said: quote(r)}
	case fasthttp.StatusOK:
		word = states[a.State]
	case fasthttp.StatusConflict:
		word = problems[a.Code]
	}
	if word == Unknown || bad {
		return told{word: Odd, said: quote(r)}
	}
	return told{word: word, said: quote(r)}
}

func quote(r *fasthttp.Response) string {
	body := r.Body()
	return fmt.Sprintf("%d %.200s", r.StatusCode(), body)
}
