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

// Where the first units of a sale go by lot, not to who is nearest: buyers enter while the window is open, each once; then
// lots are drawn, and who has won collects its unit, or loses it to whoever comes when collecting is over. A buyer's lot is
// Lot(seed, birth, buyer), and the lowest lots win. The seed is secret until the draw, its SHA-256 is shown from the first:
// so nobody can choose a lot, nobody can choose the seed by who has entered, and everybody can check the order afterwards.

// Lots are a sale's draw as it stands; zero where there is none.
type Lots struct {
	Window   int64 // how long buyers enter, from Opens on; microseconds
	Drawn    int64 // when lots were drawn, by the store's clock; 0: not yet
	Entrants uint64
	Winners  uint64
	Kept     uint64 // free units that are not for everybody: their winners have not collected yet
	Ends     int64  // ledger time: what is kept goes to whoever comes then
	Last     int64  // the highest lot that won; -1: none
	Seed     string // "" before the draw
}

// The least and the longest window.
const (
	MinShuffle = 100 * time.Millisecond
	MaxShuffle = time.Hour
)

// MaxEntering is how many buyers one EnterDraw may have: about a millisecond of Redis.
const MaxEntering = 250

// DrawsAt is when lots are drawn, by the store's clock; 0 where none are.
func (h Head) DrawsAt() int64 {
	if h.Lots.Window == 0 {
		return 0
	}
	return h.Opens + h.Lots.Window
}

// WindowEnds is when lots are drawn in a sale that opens then, or, at the zero time, now; without a window, when it opens.
func WindowEnds(opens time.Time, window time.Duration, now time.Time) time.Time {
	if opens.IsZero() && window > 0 {
		opens = now
	}
	return opens.Add(window)
}

// Unkept is how many free units are for everybody.
func (h Head) Unkept() uint64 { return h.Free - min(h.Free, h.Lots.Kept) }

// MayHaveLot says whether a unit may be kept for a buyer: surely not, if it says no.
func (h Head) MayHaveLot(b Buyer) bool {
	return h.Lots.Drawn > 0 && h.Lots.Winners > 0 && Lot(h.Lots.Seed, h.Birth, b) <= h.Lots.Last
}

// Lot is a buyer's place in the permutation, 52 bits: the first 13 hex digits of the SHA-1 of "SEED:BIRTH:BUYER", where the
// seed is as it is shown, the birth is the sale's in decimal and the buyer is its 8 bytes.
func Lot(seed string, birth uint64, b Buyer) int64 {
	var room [192]byte
	text := append(append(room[:0], seed...), ':')
	text = append(strconv.AppendUint(text, birth, 10), ':')
	sum := sha1.Sum(append(text, b[:]...))
	return int64(binary.BigEndian.Uint64(sum[:]) >> 12)
}

// Secret is a draw's seed, "" while it is secret, and what was shown of it from the first: its Seal, "" where none is drawn.
type Secret struct{ Seal, Seed string }

// Seal is the SHA-256 of a seed's text, in hex.
func Seal(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(sum[:])
}

// ErrSeed says that a text is no seed.
var ErrSeed = errors.New("a seed is 32 to 128 hex digits, in small letters: 16 to 64 bytes")

// CheckSeed says whether a draw may have this seed.
func CheckSeed(seed string) error {
	raw, err := hex.DecodeString(seed)
	if err != nil || len(raw) < 16 || len(raw) > 64 || hex.EncodeToString(raw) != seed {
		return ErrSeed
	}
	return nil
}

// DrawSeed is the one asked for, or a new one that nobody knows.
func (q CreateRequest) DrawSeed() string {
	if q.Seed != "" {
		return q.Seed
	}
	return NewSeed()
}

// NewSeed is a seed that nobody knows.
func NewSeed() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	return hex.EncodeToString(raw[:])
}

// EnterRequest puts up to MaxEntering buyers into the draw.
type EnterRequest struct {
	Birth  uint64 // of the sale the caller believes in; 0: any
	Buyers []Buyer
}

// EnterReply says whether they have entered. If not, the Head says how the doors are; Drawing: there is no room, or the window
// is over and the draw is yet to come, because a new era recovers.
type EnterReply struct {
	Head
	Entered bool
}

// DrawReply is a slice of the permutation: buyers in the order of their lots, so the first Winners have won. Nobody is
// named while the seed is secret.
type DrawReply struct {
	Head
	Secret Secret
	Buyers []Buyer
}
