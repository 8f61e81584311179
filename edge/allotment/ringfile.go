package allotment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe" // the package's only one: a file seen as slots

	"spike/luascripts"
)

// A ring file is a Ring that outlives its process: mapped, so that kill -9 loses no claim, and written whole when it is
// made, so that a full disk is noticed then. One process writes it, once; the next one reads it and removes it.
//
//	0      one line of JSON: RingOwner
//	2048   the lanes' heads, 8 bytes each, in this machine's byte order
//	4096   the slots, lane by lane, 64 bytes each
const (
	ringFormat  = 1
	headsOffset = 2048
	slotsOffset = 4096
	slotSize    = 64
	maxRingFile = 1 << 30
)

// A slot fills its cache line exactly: this does not compile otherwise.
const (
	_ = uint(unsafe.Sizeof(slot{}) - slotSize)
	_ = uint(slotSize - unsafe.Sizeof(slot{}))
)

// ErrRingFile says that a file is no ring of ours, or not a whole one.
var ErrRingFile = errors.New("not a ring file")

// RingOwner says whose claims a ring file has.
type RingOwner struct {
	Format   int    `json:"format"`
	Sale     string `json:"sale"`
	Birth    uint64 `json:"birth"`
	Instance string `json:"instance"`
	Node     string `json:"node"`
	Boot     string `json:"boot"` // the machine's boot: another one may have lost what was not written out
	Lanes    int    `json:"lanes"`
	Slots    int    `json:"slots"` // of a lane
}

// BootID tells this boot of the machine from all others; "" where there is no telling.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// MapRing makes the file, which must not be there, and a Ring in it. It stays mapped until the process ends.
func MapRing(path string, o RingOwner, size int) (*Ring, error) {
	o.Format = ringFormat
	o.Lanes, o.Slots = ringShape(size)
	line, err := json.Marshal(o)
	if err != nil || len(line) >= headsOffset {
		return nil, fmt.Errorf("ring file %s: owner too long: %w", path, err)
	}
	whole := make([]byte, slotsOffset+o.Lanes*o.Slots*slotSize)
	copy(whole, append(line, '\n'))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("ring file: %w", err)
	}
	defer func() { _ = f.Close() }()
	if _, err = f.Write(whole); err != nil {
		return nil, fmt.Errorf("ring file: %w", err)
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, len(whole), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("ring file %s: map: %w", path, err)
	}
	r := ringOver(slotsIn(mem, o.Lanes*o.Slots), o.Lanes)
	r.heads = unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&mem[headsOffset])), o.Lanes)
	return r, nil
}

// slotsIn is the first n slots of a file.
func slotsIn(mem []byte, n int) []slot {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*slot)(unsafe.Pointer(&mem[slotsOffset])), n)
}

// ReadRing reads what a process that is no more has left: the claims the ledger has not answered for. Torn slots, which
// only a machine's death leaves, are counted; so is a file of another length than it was made with.
func ReadRing(path string) (o RingOwner, claims []luascripts.Claim, torn int, err error) {
	if info, e := os.Stat(path); e != nil || info.Size() > maxRingFile {
		return o, nil, 0, fmt.Errorf("%w: %s: %w", ErrRingFile, path, errors.Join(e, errors.New("or too large")))
	}
	mem, err := os.ReadFile(path)
	if err != nil {
		return o, nil, 0, fmt.Errorf("ring file: %w", err)
	}
	if o, err = readOwner(mem); err != nil {
		return o, nil, 0, fmt.Errorf("%w: %s: %w", ErrRingFile, path, err)
	}
	if len(mem) != slotsOffset+o.Lanes*o.Slots*slotSize { // cut off, or something was added: what is there of it counts
		torn = 1
	}
	aligned := make([]uint64, (len(mem)+7)/8) // a byte slice may begin anywhere
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&aligned[0])), len(mem)), mem)
	mem = unsafe.Slice((*byte)(unsafe.Pointer(&aligned[0])), len(mem))
	slots, heads := slotsIn(mem, min(o.Lanes*o.Slots, (len(mem)-slotsOffset)/slotSize)), unsafe.Slice((*uint64)(unsafe.Pointer(&mem[headsOffset])), o.Lanes)
	for i := range slots {
		s, head := &slots[i], heads[i/o.Slots]
		turn := s.turn.Load()
		switch here := turn > head && turn-head <= uint64(o.Slots) && (turn-1)&uint64(o.Slots-1) == uint64(i%o.Slots); {
		case turn == 0, turn <= head:
		case !here, s.sum != s.checksum(turn):
			torn++
		case s.kind == claim:
			claims = append(claims, s.Claim)
		}
	}
	return o, claims, torn, nil
}

func readOwner(mem []byte) (o RingOwner, err error) {
	line, _, ok := bytes.Cut(mem[:min(len(mem), headsOffset)], []byte("\n"))
	if !ok {
		return o, errors.New("no first line")
	}
	if err = json.Unmarshal(line, &o); err != nil {
		return o, err
	}
	pow2 := func(n int) bool { return n > 0 && n&(n-1) == 0 }
	switch {
	case o.Format != ringFormat:
		return o, fmt.Errorf("format %d", o.Format)
	case !pow2(o.Lanes) || !pow2(o.Slots) || o.Lanes > maxLanes || o.Slots > 1<<20:
		return o, fmt.Errorf("%d lanes of %d slots", o.Lanes, o.Slots)
	case len(mem) < slotsOffset:
		return o, fmt.Errorf("%d bytes", len(mem))
	}
	return o, nil
}
