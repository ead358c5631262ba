# One stage around the static program that `.ci/release x86_64-unknown-linux-musl` makes. The ledger is the only memory of who was invited: it
# lives in the folder /data, which must be mounted, and always as a folder: SQLite keeps its log beside it, and a file mounted alone would lose that log.
#
#   docker build --build-arg VERSION=0.1.0 -t vlens-batch .
#   docker run --rm --mount type=volume,src=vlens-ledger,dst=/data --mount type=bind,src="$PWD",dst=/sheets vlens-batch run customers.csv --sandbox
FROM scratch
ARG VERSION
ARG TARGET=x86_64-unknown-linux-musl
ADD dist/vlens-batch-${VERSION}-${TARGET}.tar.gz /opt/
ENV PATH=/opt/vlens-batch-${VERSION}-${TARGET} HOME=/data XDG_DATA_HOME=/data XDG_CONFIG_HOME=/data/config TMPDIR=/data
VOLUME /data
WORKDIR /sheets
ENTRYPOINT ["vlens-batch"]
