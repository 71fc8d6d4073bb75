package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"time"

	"latchkey/bango/reports"
	"latchkey/resale"
)

// reportTime is how long the comparison with one report file may take.
const reportTime = 2 * time.Hour

type importReportsCmd struct {
	storeFlags
	addressFlags
	Adopt    bool   `help:"Take over what is at Bango and not here, with its customers and products: the first run of a new portal."`
	Location string `arg:"" placeholder:"FILE|FOLDER|s3://BUCKET/PREFIX" help:"Where the files are. Of a folder, the newest Active report of each merchant is compared; a Change or Event report must be named."`

	S3Endpoint      string `name:"s3-endpoint" env:"LATCHKEY_S3_ENDPOINT" placeholder:"HOST" help:"Of the bucket, as Bango told; https."`
	S3AccessKeyFile string `name:"s3-access-key-file" env:"LATCHKEY_S3_ACCESS_KEY_FILE" placeholder:"FILE" help:"Access key of the bucket; or LATCHKEY_S3_ACCESS_KEY."`
	S3SecretKeyFile string `name:"s3-secret-key-file" env:"LATCHKEY_S3_SECRET_KEY_FILE" placeholder:"FILE" help:"Secret key of the bucket; or LATCHKEY_S3_SECRET_KEY."`
}

func (c *importReportsCmd) Run(ctx context.Context, s streams) error {
	access, err := secret("LATCHKEY_S3_ACCESS_KEY", c.S3AccessKeyFile)
	if err != nil {
		return err
	}
	key, err := secret("LATCHKEY_S3_SECRET_KEY", c.S3SecretKeyFile)
	if err != nil {
		return err
	}
	publicURL, err := c.publicURL()
	if err != nil {
		return err
	}
	found, err := reports.Find(ctx, c.Location, reports.S3{Endpoint: c.S3Endpoint, AccessKey: access, SecretKey: key})
	if err != nil {
		return err
	}
	files := newestActive(found, c.Location)
	if len(files) == 0 {
		return fmt.Errorf("%s holds no report file; expected names like AR_V1_D_20261123.csv", c.Location)
	}
	return operate(ctx, c.Database, publicURL, s, func(service *resale.Service) error {
		for _, file := range files {
			result, err := importReport(ctx, service, file, c.Adopt)
			if err != nil {
				return fmt.Errorf("%s: %w", file.Location, err)
			}
			fmt.Fprintf(s.out, "%s: %s\n", file.Location, result)
		}
		return nil
	})
}

// newestActive returns the newest Active report of each merchant, or a file that was named, whatever it is. files are sorted by period.
func newestActive(files []reports.File, location string) []reports.File {
	if len(files) == 1 && (files[0].Name == reports.Name{} || files[0].Location == location) {
		return files
	}
	newest := map[string]int{}
	var chosen []reports.File
	for _, f := range files {
		if f.Name.Kind != reports.Active {
			continue
		}
		if i, known := newest[f.Name.Merchant]; known {
			chosen[i] = f
			continue
		}
		newest[f.Name.Merchant] = len(chosen)
		chosen = append(chosen, f)
	}
	return chosen
}

func importReport(ctx context.Context, service *resale.Service, file reports.File, adopt bool) (resale.ReportResult, error) {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	in, err := file.Open(ctx)
	if err != nil {
		return resale.ReportResult{}, err
	}
	defer in.Close()
	reader, err := reports.NewReader(in)
	if err != nil {
		return resale.ReportResult{}, err
	}
	var broken error
	report := resale.Report{Source: path.Base(file.Location), Complete: file.Name.Kind == reports.Active, End: file.Name.End,
		Facts: facts(reader, &broken)}
	result, err := service.ImportReport(ctx, resale.Automatic, report, adopt)
	return result, errors.Join(broken, err)
}

// facts are the rows of a report as the domain takes them. What ends the stream before its end is left in broken, and then nothing is missing
// just because it did not come.
func facts(r *reports.Reader, broken *error) iter.Seq2[resale.Fact, error] {
	return func(yield func(resale.Fact, error) bool) {
		for {
			row, err := r.Next()
			var ofRow *reports.RowError
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.As(err, &ofRow):
				if !yield(resale.Fact{}, err) {
					return
				}
			case err != nil:
				*broken = err
				yield(resale.Fact{}, err)
				return
			default:
				if !yield(fact(row), nil) {
					return
				}
			}
		}
	}
}

// fact is what a row says. Its strings are parts of the row, which is not kept for the sake of one of them.
func fact(r reports.Row) resale.Fact {
	return resale.Fact{Source: resale.FromRecord, BangoID: strings.Clone(r.BangoID), Status: r.Status, CustomerIdentifier: r.CustomerIdentifier,
		MerchantKey: strings.Clone(r.MerchantKey), ProductKey: r.ProductKey, OfferKey: r.OfferKey, DisplayName: r.DisplayName,
		ExtensionData: reportData(r.ExtensionData), ActivationCode: r.ActivationCode, DateCreated: r.Created, DateActivated: r.Activated,
		DateSuspended: r.Suspended, DateExpiry: r.Expiry, DateLastUpdated: r.LastUpdated, DateEnded: r.Ended}
}

// reportData returns custom data of a report as JSON: in a report it may be XML or anything else, which is kept as a string.
func reportData(text string) string {
	if text == "" || json.Valid([]byte(text)) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return ""
	}
	return string(quoted)
}
