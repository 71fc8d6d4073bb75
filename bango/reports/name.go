package reports

import (
	"fmt"
	"path"
	"regexp"
	"time"
)

// Kind is what a report lists.
type Kind string

// The kinds that have rows of entitlements, with the letters of their file names. The fourth, Summary (SR), has none.
// src: resale/reporting/entitlementv2
const (
	Active Kind = "AR"
	Change Kind = "CR"
	Event  Kind = "ER"
)

// Frequency is how long a report's period is.
type Frequency string

// The frequencies, with their folders' names. src: resale/reporting/entitlementv2
const (
	Daily   Frequency = "Daily"
	Weekly  Frequency = "Weekly"
	Monthly Frequency = "Monthly"
)

// Name is what the name of a report's file says.
type Name struct {
	Kind       Kind
	Frequency  Frequency
	Start, End time.Time // the period, in UTC; it ends before End
	Merchant   string    // merchantAccountKey; empty if the file lies outside of EntitlementReports/{merchant}/{frequency}/
}

// Folder returns where in Bango's bucket the reports of a merchant are, with a slash at the end. src: resale/reporting/entitlementv2
func Folder(merchant string, f Frequency) string {
	return "EntitlementReports/" + merchant + "/" + string(f) + "/"
}

var (
	fileName   = regexp.MustCompile(`^(AR|CR|ER)_V1_(D|W|M)_([0-9]{6,8})\.csv$`)
	folderName = regexp.MustCompile(`(?:^|/)EntitlementReports/([^/]+)/(?:Daily|Weekly|Monthly)$`)
)

// ParseName reads a file's name, {kind}_V1_{D, W or M}_{date}.csv with the date YYYYMMDD or, of a month, YYYYMM. The slash-separated
// path may have folders before it. Weeks begin on Monday; a week is the one that its date is in, because the pages do not say
// which of its days that is. src: resale/reporting/entitlementv2
func ParseName(slashPath string) (Name, error) {
	folder, file := path.Split(slashPath)
	parts := fileName.FindStringSubmatch(file)
	if parts == nil {
		return Name{}, fmt.Errorf("%.100q is not named like an Active, Change or Event report, such as AR_V1_W_20200810.csv", file)
	}
	n := Name{Kind: Kind(parts[1])}
	layout := "20060102"
	if parts[2] == "M" {
		layout = "200601"
	}
	day, err := time.Parse(layout, parts[3])
	if err != nil {
		return Name{}, fmt.Errorf("%q has no date of the form that its frequency has", file)
	}
	switch parts[2] {
	case "D":
		n.Frequency, n.Start, n.End = Daily, day, day.AddDate(0, 0, 1)
	case "W":
		monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
		n.Frequency, n.Start, n.End = Weekly, monday, monday.AddDate(0, 0, 7)
	case "M":
		n.Frequency, n.Start, n.End = Monthly, day, day.AddDate(0, 1, 0)
	}
	if merchant := folderName.FindStringSubmatch(path.Clean(folder)); merchant != nil {
		n.Merchant = merchant[1]
	}
	return n, nil
}
