package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 is what Bango gives for its bucket. src: resale/entitlements/batchprocessing
type S3 struct {
	Endpoint  string // a host, or an address with https; http only to this machine
	AccessKey string
	SecretKey string
}

// File is a report that Find found.
type File struct {
	Location string // as Find takes it
	Size     int64  // in bytes
	Name     Name   // zero if the file was asked for by a name that is not a report's
	open     func(context.Context) (io.ReadCloser, error)
}

// Open streams the file for NewReader; the context bounds the whole reading from a bucket. Closing it early is no error.
func (f File) Open(ctx context.Context) (io.ReadCloser, error) {
	content, err := f.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("the report %s cannot be read: %w", f.Location, err)
	}
	return content, nil
}

// Find lists the reports at a location, those of the newest period last: a file or a folder on disk, or s3://bucket/prefix, where the
// prefix is a folder or the whole name of a .csv. In a folder and those below it, what is not named like a report is passed over;
// a file asked for by its own name is listed under any. An empty folder is no error. S3 is needed for s3:// alone.
func Find(ctx context.Context, location string, s3 S3) ([]File, error) {
	find := findOnDisk
	if strings.HasPrefix(location, "s3://") {
		find = s3.find
	}
	files, err := find(ctx, location)
	if err != nil {
		return nil, fmt.Errorf("the reports at %s cannot be listed: %w", location, err)
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(a.Name.End.Compare(b.Name.End), a.Name.Start.Compare(b.Name.Start), strings.Compare(a.Location, b.Location))
	})
	return files, nil
}

func findOnDisk(ctx context.Context, location string) (files []File, err error) {
	if strings.Contains(location, "://") {
		return nil, errors.New("it must be a path on disk or begin with s3://")
	}
	root, err := filepath.EvalSymlinks(location) // the walk itself follows none
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		name, unnamed := ParseName(filepath.ToSlash(path))
		switch {
		case entry.IsDir() || path != root && (unnamed != nil || !entry.Type().IsRegular()):
			return nil
		case !entry.Type().IsRegular():
			return errors.New("it is neither a file nor a folder")
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		files = append(files, File{Location: path, Size: info.Size(), Name: name,
			open: func(context.Context) (io.ReadCloser, error) { return os.Open(path) }})
		return nil
	})
	return files, err
}

func (s S3) find(ctx context.Context, location string) (files []File, err error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(location, "s3://"), "/")
	one := strings.HasSuffix(prefix, ".csv")
	if !one && prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/" // or BANGO would find BANGO_US too
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	for object := range client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, object.Err
		}
		name, unnamed := ParseName(object.Key)
		if one && object.Key != prefix || !one && unnamed != nil {
			continue
		}
		files = append(files, File{Location: "s3://" + bucket + "/" + object.Key, Size: object.Size, Name: name,
			open: func(ctx context.Context) (io.ReadCloser, error) {
				content, _, _, err := client.GetObject(ctx, bucket, object.Key, minio.GetObjectOptions{})
				return content, err
			}})
	}
	if one && files == nil {
		return nil, errors.New("there is no such file")
	}
	return files, ctx.Err()
}

// client speaks to the endpoint alone: minio-go follows no redirect.
func (s S3) client() (*minio.Core, error) {
	endpoint := s.Endpoint
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	switch {
	case s.Endpoint == "" || s.AccessKey == "" || s.SecretKey == "":
		return nil, errors.New("the endpoint, access key and secret key that Bango gave are required")
	case err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the endpoint must be a host, or https:// and a host")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, errors.New("the endpoint must be https; http only to this machine")
	}
	return minio.NewCore(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Secure: u.Scheme == "https",
		MaxRetries: 3}) // its own 10, with growing pauses, would keep whoever waits for minutes
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
