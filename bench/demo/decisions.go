package demo

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
)

// journal is what an edge's decision log says. A line of the log has `result:1,localSales:17` and the time in microseconds.
type journal struct {
	Lines int64   // decisions
	Won   int64   // those with result:1, as grep -c counts them
	Top   int64   // the highest localSales
	First int64   // time of the first decision, Unix microseconds
	Sales []int64 // times of the decisions that sold
}

func readJournal(file string) (journal, error) {
	f, err := os.Open(file)
	if err != nil {
		return journal{}, fmt.Errorf("decision log: %w", err)
	}
	defer f.Close()
	j, err := journalOf(f)
	if err != nil {
		return j, fmt.Errorf("decision log %s: %w", file, err)
	}
	return j, nil
}

var (
	resultField = []byte("result:")
	localField  = []byte(",localSales:")
	timeField   = []byte(`"us":`)
)

func journalOf(r io.Reader) (j journal, err error) {
	lines := bufio.NewScanner(bufio.NewReaderSize(r, 1<<18))
	for lines.Scan() {
		if err := j.add(lines.Bytes()); err != nil {
			return j, err
		}
	}
	return j, lines.Err()
}

func (j *journal) add(line []byte) error {
	_, result, ok := bytes.Cut(line, resultField)
	_, local, ok2 := bytes.Cut(result, localField)
	_, at, ok3 := bytes.Cut(line, timeField)
	if !ok || !ok2 || !ok3 || result[0] != '0' && result[0] != '1' {
		return fmt.Errorf("line %d: %q is no decision", j.Lines+1, line)
	}
	us := leading(at)
	if j.Lines == 0 || us < j.First {
		j.First = us
	}
	j.Lines++
	j.Top = max(j.Top, leading(local))
	if result[0] == '1' {
		j.Won++
		j.Sales = append(j.Sales, us)
	}
	return nil
}

// join adds what another edge's log says.
func (j *journal) join(other journal) {
	if other.Lines > 0 && (j.Lines == 0 || other.First < j.First) {
		j.First = other.First
	}
	j.Lines, j.Won, j.Sales = j.Lines+other.Lines, j.Won+other.Won, append(j.Sales, other.Sales...)
}

// leading returns the number at the beginning of text.
func leading(text []byte) (n int64) {
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

// soldBy is how many units were sold until a moment.
func (j journal) soldBy(us int64) (n int64) {
	for _, at := range j.Sales {
		if at <= us {
			n++
		}
	}
	return n
}
