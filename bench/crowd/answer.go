package crowd

import (
	"bytes"
	"encoding/json"
	"fmt"
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
	text := field(a.Body, codeField)
	sign := 1
	if len(text) > 0 && text[0] == '-' {
		sign, text = -1, text[1:]
	}
	for _, c := range text {
		if c < '0' || c > '9' || len(text) > 9 {
			return 0, false
		}
		code = 10*code + int(c-'0')
	}
	return sign * code, len(text) > 0
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
	if said.Data != nil {
		return *said.Data, nil
	}
	return said.Reservation, nil
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

var (
	codeField  = []byte(`"code":`)
	stateField = []byte(`"state":`)
)

// field finds the value of a field without decoding the rest: the text of a string, or the digits of a number.
func field(body, name []byte) []byte {
	_, rest, _ := bytes.Cut(body, name)
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) > 0 && rest[0] == '"' {
		text, _, _ := bytes.Cut(rest[1:], quote)
		return text
	}
	for i, c := range rest {
		if (c < '0' || c > '9') && c != '-' {
			return rest[:i]
		}
	}
	return rest
}

var quote = []byte{'"'}
