package ledger

import (
	"crypto/rand"
	"crypto/sha1" // the one hash that Redis' Lua has
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// The first units of a sale may go by lot, and not to the nearest buyer. Each buyer enters once while the window is open.
// Then lots are drawn. A winner collects its unit. If it has not done so when the time for collecting is over, anybody may
// buy that unit. A buyer's lot is Lot(seed, birth, buyer), and the lowest lots win. The seed is secret until the draw, but
// its SHA-256 is shown from the start. So nobody can choose a lot, nobody can choose the seed to suit the entrants, and
// everybody can check the order afterwards.

// Lots is the state of a sale's draw; zero where there is no draw.
type Lots struct {
	Window   int64 // how long buyers may enter, from Opens on; microseconds
	Drawn    int64 // when lots were drawn, by the store's clock; 0: not yet
	Entrants uint64
	Winners  uint64
	Kept     uint64 // free units kept for winners who have not collected yet
	Ends     int64  // ledger time from which anybody may buy what is kept
	Last     int64  // the highest lot that won; -1: none
	Seed     string // "" before the draw
}

// The shortest and the longest window.
const (
	MinShuffle = 100 * time.Millisecond
	MaxShuffle = time.Hour
)

// MaxEntering is the most buyers in one EnterDraw: about a millisecond of Redis.
const MaxEntering = 250

// DrawsAt is when lots are drawn, by the store's clock; 0: there is no draw.
func (h Head) DrawsAt() int64 {
	if h.Lots.Window == 0 {
		return 0
	}
	return h.Opens + h.Lots.Window
}

// WindowEnds is when lots are drawn in a sale that opens at `opens`, or at `now` if `opens` is zero. Without a window it is
// when the sale opens.
func WindowEnds(opens time.Time, window time.Duration, now time.Time) time.Time {
	if opens.IsZero() && window > 0 {
		opens = now
	}
	return opens.Add(window)
}

// Unkept is how many free units anybody may buy.
func (h Head) Unkept() uint64 { return h.Free - min(h.Free, h.Lots.Kept) }

// MayHaveLot says whether a unit may be kept for a buyer. If it says no, none is.
func (h Head) MayHaveLot(b Buyer) bool {
	return h.Lots.Drawn > 0 && h.Lots.Winners > 0 && Lot(h.Lots.Seed, h.Birth, b) <= h.Lots.Last
}

// Lot is a buyer's place in the permutation, 52 bits: the first 13 hex digits of the SHA-1 of "SEED:BIRTH:BUYER". The seed is
// the text that is shown, the birth is the sale's in decimal, and the buyer is its 8 bytes.
func Lot(seed string, birth uint64, b Buyer) int64 {
	var room [192]byte
	text := append(append(room[:0], seed...), ':')
	text = append(strconv.AppendUint(text, birth, 10), ':')
	sum := sha1.Sum(append(text, b[:]...))
	return int64(binary.BigEndian.Uint64(sum[:]) >> 12)
}

// Secret is a draw's seed, "" while it is secret, and its Seal, which is shown from the start; both are "" where there is no
// draw.
type Secret struct{ Seal, Seed string }

// Seal is the SHA-256 of a seed's text, in hex.
func Seal(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(sum[:])
}

// ErrSeed says that a text is no seed.
var ErrSeed = errors.New("a seed is 32 to 128 hex digits, in small letters: 16 to 64 bytes")

// CheckSeed returns nil if a draw may have this seed.
func CheckSeed(seed string) error {
	raw, err := hex.DecodeString(seed)
	if err != nil || len(raw) < 16 || len(raw) > 64 || hex.EncodeToString(raw) != seed {
		return ErrSeed
	}
	return nil
}

// DrawSeed is the seed of the request, or a new random one.
func (q CreateRequest) DrawSeed() string {
	if q.Seed != "" {
		return q.Seed
	}
	return NewSeed()
}

// NewSeed is a random seed.
func NewSeed() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	return hex.EncodeToString(raw[:])
}

// EnterRequest puts up to MaxEntering buyers into the draw.
type EnterRequest struct {
	Birth  uint64 // of the sale that the caller believes in; 0: any
	Buyers []Buyer
}

// EnterReply says whether the buyers have entered. If not, the Head says why: the state of the doors. If that is Drawing,
// there is no room; or the window is over, and a recovery delays the draw.
type EnterReply struct {
	Head
	Entered bool
}

// DrawReply is a slice of the permutation: buyers in the order of their lots, so the first Winners have won. It names nobody
// while the seed is secret.
type DrawReply struct {
	Head
	Secret Secret
	Buyers []Buyer
}
