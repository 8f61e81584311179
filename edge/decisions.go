package edge

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"
)

// decisions is the article's stat.log: a line for each decision, `result:1,localSales:17`, where localSales counts this
// edge's sales so far. A buy never waits for it: what the writer cannot keep up with is dropped, and counted.
type decisions struct {
	log     zerolog.Logger
	out     io.Closer
	dropped atomic.Uint64
}

// decisionRing is how many lines may wait for the disk.
const decisionRing = 1 << 16

// openDecisions opens the log; nil (which notes nothing) for "".
func openDecisions(file string) (*decisions, error) {
	if file == "" {
		return nil, nil
	}
	var out io.Writer = os.Stdout
	if file != "-" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) // it says who sold what, and when
		if err != nil {
			return nil, fmt.Errorf("%w: decision log: %w", ErrConfig, err)
		}
		out = f
	}
	d := &decisions{}
	ring := diode.NewWriter(&diskWriter{out, &d.dropped}, decisionRing, 10*time.Millisecond, func(n int) { d.dropped.Add(uint64(n)) })
	d.log, d.out = zerolog.New(ring), ring
	return d, nil
}

// diskWriter counts the lines that could not be written.
type diskWriter struct {
	io.Writer
	failed *atomic.Uint64
}

func (w *diskWriter) Write(line []byte) (int, error) {
	n, err := w.Writer.Write(line)
	if err != nil {
		w.failed.Add(1)
	}
	return n, err
}

// Close closes the file, for diode.
func (w *diskWriter) Close() error {
	if c, ok := w.Writer.(io.Closer); ok && w.Writer != os.Stdout {
		return c.Close()
	}
	return nil
}

func (d *decisions) note(sale *Sale, yes bool) {
	if d == nil {
		return
	}
	result, local := byte('0'), sale.localSales.Load()
	if yes {
		result, local = '1', sale.localSales.Add(1)
	}
	var room [48]byte
	text := append(append(append(room[:0], "result:"...), result), ",localSales:"...)
	text = strconv.AppendUint(text, local, 10)
	d.log.Log().Str("sale", sale.name).Int64("us", time.Now().UnixMicro()).Msg(string(text))
}

func (d *decisions) drops() uint64 {
	if d == nil {
		return 0
	}
	return d.dropped.Load()
}

// close writes out what waits.
func (d *decisions) close() {
	if d != nil {
		_ = d.out.Close()
	}
}
