package chaos

import (
	"encoding/json"

	"github.com/valyala/fasthttp"

	"spike/bench/crowd"
)

// bought is the meaning of the answer to a buy, and the reservation that it tells. A win must tell all of it.
func bought(a crowd.Answer) (Word, crowd.Reservation) {
	word := a.Word()
	if word == Undecided || word == Refused {
		return word, crowd.Reservation{}
	}
	r, err := a.Reservation()
	if err != nil || a.Status != fasthttp.StatusOK {
		return Odd, crowd.Reservation{}
	}
	switch word {
	case SoldOut, NoneNow, OverLimit:
		return word, r
	case Won:
		if r.Serial > 0 && r.Token != "" && !r.ExpiresAt.IsZero() {
			return Won, r
		}
	default:
	}
	return Odd, crowd.Reservation{}
}

// shown is the meaning of the answer to a token. After an edge's 503 or 408 nobody knows its state.
func shown(a crowd.Answer) Word {
	switch word := a.Word(); word {
	case Undecided, Refused:
		return Unknown
	case NoSuch:
		return NoSuch
	case Pending, Confirmed, Cancelled, Expired:
		if json.Valid(a.Body) {
			return word
		}
	default:
	}
	return Odd
}
