package ringdir

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"spike/edge/allotment"
)

// A ring that the ledger did not take is kept for a person, as lines of JSON: the ring's owner, and its claims. The number of
// files and their sizes are limited.

const (
	asideSuffix = ".aside"
	maxAside    = 64       // files in a directory; the oldest are removed
	maxClaims   = 5_000    // claims in one file
	maxOdd      = 64 << 10 // bytes of a file that could not be read; a larger one is cut
)

// asideClaim is a claim that a person may compare with a token or an order.
type asideClaim struct {
	Serial uint32 `json:"serial"`
	Count  uint32 `json:"count"`
	Fence  uint64 `json:"fence"`
	Nonce  uint64 `json:"nonce"`
	Expiry int64  `json:"expiry"` // ledger time, microseconds
	Buyer  string `json:"buyer"`
	Keyed  bool   `json:"keyed,omitempty"` // an offer under an Idempotency-Key, of which no buyer was told
}

// setAside sets a ring aside that could not be settled whole, and logs why.
func (d *Dir) setAside(path string, why error, log zerolog.Logger) {
	what := "ring set aside: nobody takes its claims"
	if errors.Is(why, allotment.ErrRingFile) {
		what = "ring set aside: it is damaged; whole claims in it are settled"
	}
	left, err := allotment.ReadRing(path, d.boot)
	if err == nil {
		defer left.Close()
		if err = d.keep(left); err == nil {
			err = os.Remove(path)
		}
	} else {
		if info, odd := os.Lstat(path); odd == nil && info.Mode().IsRegular() && info.Size() > maxOdd {
			_ = os.Truncate(path, maxOdd)
		}
		err = os.Rename(path, path+asideSuffix)
		d.thin()
	}
	log.Error().AnErr("why", why).Err(err).Str("file", path+asideSuffix).Msg(what)
}

// keep writes the content of a ring for a person.
func (d *Dir) keep(left *allotment.Left) (err error) {
	o := left.RingOwner
	path := filepath.Join(d.path, fmt.Sprintf("%s-%d-%s%s", o.Sale, o.Birth, o.Instance, ringSuffix+asideSuffix))
	if strings.ContainsRune(o.Sale+o.Instance, filepath.Separator) {
		path = filepath.Join(d.path, "unnamed"+ringSuffix+asideSuffix)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	out := json.NewEncoder(w)
	err = out.Encode(struct {
		allotment.RingOwner
		Claims int `json:"claims"`
		Offers int `json:"offers"`
		Torn   int `json:"torn"`
	}{o, len(left.Claims), len(left.Offers), left.Torn})
	for i, c := range left.All() {
		if err != nil || i == maxClaims {
			break
		}
		err = out.Encode(asideClaim{Serial: c.Serial, Count: c.Count, Fence: c.Fence, Nonce: c.Nonce, Expiry: c.Expiry,
			Buyer: hex.EncodeToString(c.Buyer[:]), Keyed: i >= len(left.Claims)})
	}
	d.thin()
	return errors.Join(err, w.Flush(), f.Close())
}

// thin removes the oldest files if there are too many.
func (d *Dir) thin() {
	files, err := os.ReadDir(d.path)
	if err != nil {
		return
	}
	var aside []os.FileInfo
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(f.Name(), ringSuffix+asideSuffix) {
			aside = append(aside, info)
		}
	}
	slices.SortFunc(aside, func(a, b os.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for len(aside) > maxAside {
		_ = os.Remove(filepath.Join(d.path, aside[0].Name()))
		aside = aside[1:]
	}
}
