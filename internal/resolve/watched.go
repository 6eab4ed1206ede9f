package resolve

import (
	"io/fs"
	"os"
	"time"
)

// watchEvery is how often a file is looked at.
const watchEvery = 5 * time.Second

// watched is a file of the system that is read again when it changes: a host may get its network after us, or another one.
type watched struct {
	path     string
	checked  time.Time
	modified time.Time
	size     int64
}

// due tells whether it is time to look at the file.
func (w *watched) due(now time.Time) bool {
	d := now.Sub(w.checked)
	if d >= 0 && d < watchEvery {
		return false
	}
	w.checked = now
	return true
}

// changed is the file if it is another one than was read last, else nil.
func (w *watched) changed() (fs.FileInfo, error) {
	info, err := os.Stat(w.path)
	if err != nil || info.ModTime().Equal(w.modified) && info.Size() == w.size {
		return nil, err
	}
	return info, nil
}

// read notes that the file was read.
func (w *watched) read(info fs.FileInfo) { w.modified, w.size = info.ModTime(), info.Size() }

// forget has the file read again whatever it is.
func (w *watched) forget() { w.size = -1 }
