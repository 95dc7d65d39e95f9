package journal

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Moment is a point in time on two clocks: one that people read, and one that
// nobody sets, but that begins anew with every boot.
type Moment struct {
	Wall time.Time     `json:"wall"`
	Boot time.Duration `json:"boot"` // CLOCK_BOOTTIME: since the boot, suspended time included
}

// Now is the present.
func Now() Moment {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // fails for clocks that do not exist only
	return Moment{time.Now().Round(0), time.Duration(ts.Nano())}
}

// age is how long before now m was, never less than 0.
func (m Moment) age(now Moment, sameBoot bool) time.Duration {
	if sameBoot {
		return max(0, now.Boot-m.Boot)
	}
	return max(0, now.Wall.Sub(m.Wall))
}

// bootID reads the name of the boot once.
var bootID = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("tell this boot from others: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
})

// Here names the boot of the machine that this process runs in. No two boots
// have the same name. The error is that of /proc/sys/kernel/random/boot_id.
func Here() (boot string, err error) { return bootID() }
