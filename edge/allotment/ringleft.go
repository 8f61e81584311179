package allotment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"spike/luascripts/ledger"
)

// ErrRingLives says that a process has this ring. Only that process may settle its claims.
var ErrRingLives = errors.New("its edge lives")

// RingOwner says whose claims a ring file has, and which file it is.
type RingOwner struct {
	Format   int    `json:"format"`
	Sale     string `json:"sale"`
	Birth    uint64 `json:"birth"`
	Instance string `json:"instance"`
	Node     string `json:"node"`
	Store    string `json:"store,omitempty"` // the identity of the ledger that must hear of the claims
	Boot     string `json:"boot"`            // the machine's boot: a crash may have lost unwritten pages
	Device   uint64 `json:"device,omitempty"`
	Inode    uint64 `json:"inode,omitempty"`
	PID      int    `json:"pid,omitempty"`
	Start    uint64 `json:"start,omitempty"` // start of the process, in ticks since boot
	PIDs     string `json:"pids,omitempty"`  // the process' PID namespace
	Lanes    int    `json:"lanes,omitempty"` // only in format 1
	Slots    int    `json:"slots,omitempty"` // of a lane; only in format 1
}

// here notes the identity of the file and of this process.
func (o *RingOwner) here(f *os.File) error {
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	o.Device, o.Inode, o.PID, o.PIDs = uint64(st.Dev), st.Ino, os.Getpid(), pidSpace() //nolint:unconvert // int32 on macOS
	o.Start, _ = started(o.PID)
	return nil
}

// is says whether this is the very file that here noted, and no copy.
func (o *RingOwner) is(f *os.File) bool {
	var st syscall.Stat_t
	return o.Inode != 0 && syscall.Fstat(int(f.Fd()), &st) == nil &&
		uint64(st.Dev) == o.Device && st.Ino == o.Inode //nolint:unconvert // as above
}

// lives says that the owner's process still runs, as far as this process can see.
func (o *RingOwner) lives() bool {
	start, there := started(o.PID)
	return o.PIDs == pidSpace() && there && start == o.Start
}

// BootID tells this boot of the machine from all others; "" if that cannot be told.
func BootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}

func pidSpace() string {
	name, _ := os.Readlink("/proc/self/ns/pid")
	return name
}

// started is the start of a process: field 22 of its stat. The name before it may contain anything.
func started(pid int) (ticks uint64, there bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, true
	}
	ticks, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return ticks, err == nil
}

// Left is the claims in a ring file that the ledger has not answered for. While it is open, no other process reads the file.
type Left struct {
	RingOwner
	left
	Doubt string // why it does not prove that this is all its process has sold; "": it proves that
	Whose bool   // it is the very file of its process, not a copy
	file  *os.File
}

// ReadRing opens the ring file of a dead process. It fails with ErrRingLives or ErrRingFile. The file proves what was not sold
// only if its process is dead and it is that process' very file. A copy proves nothing, because its process may sell on with the
// original. Nor does a file that may lack its end.
func ReadRing(path, boot string) (*Left, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("ring file: %w", err)
	}
	l := &Left{file: f}
	if err = l.read(boot); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// Close lets other processes read the file.
func (l *Left) Close() { _ = l.file.Close() }

func (l *Left) read(boot string) error {
	switch err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return ErrRingLives
	case err != nil:
		l.Doubt = "it cannot be locked: " + err.Error()
	}
	info, err := l.file.Stat()
	if err != nil || info.Size() > maxRingFile || !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %w", ErrRingFile, errors.Join(err, errors.New("no file, or too large")))
	}
	mem, err := aligned(l.file, info.Size())
	if err != nil {
		return err
	}
	if l.RingOwner, err = readOwner(mem); err != nil {
		return fmt.Errorf("%w: %w", ErrRingFile, err)
	}
	l.left.read(l.RingOwner, mem)
	l.judge(boot)
	return nil
}

// judge sets Doubt to what speaks against the file as a proof.
func (l *Left) judge(boot string) {
	l.Whose = l.Doubt == "" && l.is(l.file)
	switch {
	case l.Doubt != "":
	case l.Format == 1:
		l.Doubt = "it was made by a version that did not sign its files"
	case !l.Whose:
		l.Doubt = "it is a copy: another edge may have the ring that it is a copy of"
	case l.Boot != boot || boot == "":
		l.Doubt = "the machine was started anew: its end may be lost"
	case l.lives():
		l.Doubt = fmt.Sprintf("process %d, which made it, is still there", l.PID)
	case l.Torn > 0:
		l.Doubt = "it is not whole"
	}
}

func readOwner(mem []byte) (o RingOwner, err error) {
	line, _, ok := bytes.Cut(mem[:min(len(mem), countOffset)], []byte("\n"))
	if !ok {
		return o, errors.New("no first line")
	}
	if err = json.Unmarshal(line, &o); err != nil {
		return o, err
	}
	switch {
	case o.Format != 1 && o.Format != ringFormat:
		return o, fmt.Errorf("format %d", o.Format)
	case o.Format == 1 && !shapely(uint64(o.Lanes), uint64(o.Slots)):
		return o, fmt.Errorf("%d lanes of %d slots", o.Lanes, o.Slots)
	case len(mem) < pageSize:
		return o, fmt.Errorf("%d bytes", len(mem))
	}
	return o, nil
}

func shapely(lanes, slots uint64) bool {
	pow2 := func(n uint64) bool { return n > 0 && n&(n-1) == 0 }
	return pow2(lanes) && pow2(slots) && lanes <= maxLanes && slots <= 1<<20
}

// read reads all segments. Of a file that was cut off, the rest counts.
func (f *left) read(o RingOwner, mem []byte) {
	if o.Format == 1 {
		if f.segment(mem[countOffset:], pageSize-countOffset, o.Lanes, o.Slots, 0) != len(mem)-countOffset {
			f.Torn++
		}
		return
	}
	count, at := in[atomic.Uint64](mem, countOffset, 1)[0].Load(), pageSize
	for range min(count, maxRingFile/pageSize) {
		if len(mem)-at < pageSize {
			break
		}
		shape := in[atomic.Uint64](mem, at, 2)
		lanes, slots := shape[0].Load(), shape[1].Load()
		if !shapely(lanes, slots) {
			break
		}
		at += f.segment(mem[at:], pageSize, int(lanes), int(slots), headsOffset)
		count--
	}
	if count > 0 || at != len(mem) {
		f.Torn++
	}
}

// segment reads the lanes of a Ring as far as they exist, and returns the segment's full length.
func (f *left) segment(mem []byte, first, lanes, slots, heads int) int {
	for i := range lanes {
		begin := first + i*slots*slotSize
		there := min(slots, max(len(mem)-begin, 0)/slotSize)
		if there > 0 {
			f.lane(in[slot](mem, begin, there), slots, in[atomic.Uint64](mem, heads, lanes)[i].Load())
		}
	}
	return first + lanes*slots*slotSize
}

// left is the claims and offers in a dead process' Rings that the ledger has not answered for, in no order.
type left struct {
	Claims []ledger.Claim
	Offers []Offer
	Torn   int // half-written slots, which only a machine's death leaves, and a changed length of the file
}

// lane reads a lane of `size` slots as far as it exists. Positions below head are free.
func (f *left) lane(slots []slot, size int, head uint64) {
	mask := uint64(size - 1)
	for i := range slots {
		s := &slots[i]
		turn := s.turn.Load()
		switch here := turn > head && turn-head <= uint64(size) && (turn-1)&mask == uint64(i); {
		case turn == 0, turn <= head:
		case !here, s.sum != s.checksum(turn):
			f.Torn++
		case s.kind == claim:
			f.Claims = append(f.Claims, s.Claim)
		case s.kind == offer:
			f.offered(s, slots, (turn-2)&mask)
		}
	}
}

// offered adds an offer, if its key is in the slot before.
func (f *left) offered(s *slot, slots []slot, before uint64) {
	if before < uint64(len(slots)) {
		k, turn := &slots[before], s.turn.Load()-1
		if k.turn.Load() == turn && k.kind == key && k.sum == k.checksum(turn) && k.Nonce == s.Nonce {
			f.Offers = append(f.Offers, Offer{s.Claim, k.key()})
			return
		}
	}
	f.Torn++
}

// All is claims and offers alike: the sold units of a lease.
func (f *left) All() []ledger.Claim {
	out := slices.Clip(f.Claims)
	for _, o := range f.Offers {
		out = append(out, o.Claim)
	}
	return out
}
