package edge

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"

	"spike/edge/sales"
)

// decisions is the article's stat.log. It has a line for each decision, `result:1,localSales:17`. localSales is how many buys
// have won on this edge so far. A buy never waits for the log: lines that the writer has no time for are dropped, and counted.
type decisions struct {
	file    string
	disk    *diskWriter
	log     zerolog.Logger
	out     io.Closer
	dropped atomic.Uint64
}

// decisionRing is how many lines may wait for the disk.
const decisionRing = 1 << 16

// openDecisions opens the log. For "" it is nil, which notes nothing.
func openDecisions(file string) (*decisions, error) {
	if file == "" {
		return nil, nil
	}
	d := &decisions{file: file}
	d.disk = &diskWriter{failed: &d.dropped}
	if err := d.reopen(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	ring := diode.NewWriter(d.disk, decisionRing, 10*time.Millisecond, func(n int) { d.dropped.Add(uint64(n)) })
	d.log, d.out = zerolog.New(ring), ring
	return d, nil
}

// reopen opens the file anew, because another file may have its name by now. Lines that wait go to that file.
func (d *decisions) reopen() error {
	if d == nil {
		return nil
	}
	out := os.Stdout
	if d.file != "-" {
		var err error
		if out, err = os.OpenFile(d.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("decision log: %w", err)
		}
	}
	return d.disk.change(out)
}

// diskWriter counts the lines that could not be written.
type diskWriter struct {
	mu     sync.Mutex // held to write a line, and to change the file
	out    *os.File
	failed *atomic.Uint64
}

func (w *diskWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.out.Write(line)
	if err != nil {
		w.failed.Add(1)
	}
	return n, err
}

// change makes later lines go to another file.
func (w *diskWriter) change(to *os.File) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.out
	w.out = to
	if before == nil || before == os.Stdout {
		return nil
	}
	return before.Close()
}

// Close closes the file, for diode.
func (w *diskWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out == os.Stdout {
		return nil
	}
	return w.out.Close()
}

func (d *decisions) note(sale *sales.Sale, yes bool) {
	result, local := byte('0'), sale.Won.Load()
	if yes {
		result, local = '1', sale.Won.Add(1)
	}
	var room [48]byte
	text := append(append(append(room[:0], "result:"...), result), ",localSales:"...)
	text = strconv.AppendUint(text, local, 10)
	d.log.Log().Str("sale", sale.Name).Int64("us", time.Now().UnixMicro()).Msg(string(text))
}

func (d *decisions) drops() uint64 {
	if d == nil {
		return 0
	}
	return d.dropped.Load()
}

// decisionGrace is how long close waits for the reader of the log, which may be a pipe.
const decisionGrace = time.Second

// close writes the lines that wait. It gives up if the reader of the log stands still.
func (d *decisions) close() {
	if d == nil {
		return
	}
	written := make(chan struct{})
	go func() {
		_ = d.out.Close()
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(decisionGrace):
	}
}
