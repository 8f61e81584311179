package crowd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// Answer is a complete HTTP answer. Its header and body are good until the next request on its connection.
type Answer struct {
	Status int
	Header *fasthttp.ResponseHeader // may be nil
	Body   []byte

	Sent time.Time // when its request was begun
	Took time.Duration
}

// Again says whether the answer invites to come again: it has a Retry-After.
func (a Answer) Again() bool {
	return a.Header != nil && len(a.Header.Peek(fasthttp.HeaderRetryAfter)) > 0
}

// Code is the number under "code" in the body, which the article's format has.
func (a Answer) Code() (code int, found bool) {
	const mostDigits = 9
	text := field(a.Body, `"code":`)
	if code, err := strconv.Atoi(string(text)); err == nil && len(text) <= mostDigits {
		return code, true
	}
	return 0, false
}

// Reservation is what an answer says of a reservation: the fields that it has.
type Reservation struct {
	Sale      string    `json:"sale"`
	Serial    uint64    `json:"serial"` // the first
	Count     uint64    `json:"count"`  // how many in a row; 0: one
	ID        string    `json:"reservation"`
	Token     string    `json:"token"`
	State     string    `json:"state"`
	ExpiresAt time.Time `json:"expires_at"` // zero: never

	Claim   string    `json:"claim"` // on a lot
	DrawsAt time.Time `json:"draws_at"`
}

// Reservation decodes the body. The article's format has the fields under "data".
func (a Answer) Reservation() (Reservation, error) {
	var said struct {
		Reservation
		Data *Reservation `json:"data"`
	}
	if err := json.Unmarshal(a.Body, &said); err != nil {
		return Reservation{}, fmt.Errorf("answer %v: %w", a, err)
	}
	return *cmp.Or(said.Data, &said.Reservation), nil
}

// String shows the answer to people.
func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Status, cut(a.Body, 200)) }

// cut shortens a body to so many bytes.
func cut(body []byte, most int) string {
	if len(body) <= most {
		return string(body)
	}
	return string(bytes.ToValidUTF8(body[:most], nil)) + "..."
}

// field finds the value of a field without decoding the rest: the text of a string, or the digits of a number.
func field(body []byte, name string) []byte {
	_, rest, _ := bytes.Cut(body, []byte(name))
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) > 0 && rest[0] == '"' {
		text, _, _ := bytes.Cut(rest[1:], rest[:1])
		return text
	}
	return rest[:len(rest)-len(bytes.TrimLeft(rest, "-0123456789"))]
}

// Word is the meaning of an answer, in whichever format it came.
type Word uint8

// The words. Unknown is for who has no answer.
const (
	Unknown   Word = iota
	Won            // of a buy
	SoldOut        // for good
	NoneNow        // for now: with Retry-After
	Undecided      // 503 with Retry-After
	Pending        // the state of a token
	Confirmed
	Cancelled
	Expired
	NoSuch    // 404: the token is not known, or the sale
	Odd       // an answer that no right request gets
	Refused   // 408: the edge had not read the request, and did nothing
	OverLimit // of a known buyer's buy
	TooMuch   // more units than one buyer may ever have
	Unopened
	Closed
	Paused
	Entered // into a draw: the buyer waits for its lot
	TooMany // requests
	Refunded
	Lost // of a ticket
	words
)

func (w Word) String() string {
	return [...]string{"unknown", "won", "sold out", "none now", "undecided", "pending", "confirmed", "cancelled", "expired",
		"no such", "odd", "refused", "over the limit", "too much", "not open yet", "closed", "paused", "entered", "too many",
		"refunded", "lost"}[w]
}

// saying is a status and the value of a field: of "code", or else of "state".
type saying struct {
	status int
	value  string
}

// meanings are the words of sayings: the article's numbers, v1's names, and states. A new reservation is a win.
var meanings = map[saying]Word{
	{200, "1"}: Won, {200, "-1"}: SoldOut, {200, "-2"}: Unopened, {200, "-3"}: Closed, {200, "-4"}: OverLimit,
	{503, "-5"}: Undecided, {200, "-6"}: Entered, {429, "-7"}: TooMany, {200, "-8"}: TooMuch, {200, "-9"}: Paused,
	{410, "sold_out"}: SoldOut, {409, "none_now"}: NoneNow, {425, "not_open"}: Unopened, {410, "closed"}: Closed,
	{429, "over_limit"}: OverLimit, {429, "too_many_requests"}: TooMany, {429, "too_many_connections"}: TooMany,
	{422, "n_over_limit"}: TooMuch, {409, "paused"}: Paused,
	{404, "no_such_sale"}: NoSuch, {404, "no_such_reservation"}: NoSuch,
	{409, "already_confirmed"}: Confirmed, {409, "already_cancelled"}: Cancelled, {409, "already_expired"}: Expired,
	{409, "already_refunded"}: Refunded,
	{201, "pending"}:          Won, {202, "waiting"}: Entered, {200, "pending"}: Pending, {200, "confirmed"}: Confirmed,
	{200, "cancelled"}: Cancelled, {200, "expired"}: Expired, {200, "refunded"}: Refunded, {200, "lost"}: Lost,
}

// Word is the meaning of the answer. It looks only at the fields that it needs: whether a win has a serial and a token, [Wins]
// checks.
func (a Answer) Word() Word {
	switch {
	case a.Status == 408:
		return Refused
	case a.Status == 503 && a.Again():
		return Undecided
	case a.Status == 503:
		return Odd
	}
	word := cmp.Or(meanings[saying{a.Status, string(field(a.Body, `"code":`))}],
		meanings[saying{a.Status, string(field(a.Body, `"state":`))}], Odd)
	if word == SoldOut && a.Again() {
		return NoneNow
	}
	return word
}

// Meaning is the word of a code of the article's format.
func Meaning(code int) Word {
	name := strconv.Itoa(code)
	return cmp.Or(meanings[saying{200, name}], meanings[saying{429, name}], meanings[saying{503, name}], Odd)
}
