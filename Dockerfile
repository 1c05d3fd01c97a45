# MatVir with exactly the packages of requirements.lock; the folder you work in is /work.
#   docker build --tag matvir .
#   docker run --rm --volume "$PWD:/work" --user "$(id -u):$(id -g)" matvir run electrode.tif
FROM debian:12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgl1 libxrender1 make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY . /opt/matvir
RUN PIP_NO_CACHE_DIR=1 make -C /opt/matvir install
# Caches of Snakemake, Matplotlib and numba lie in the home folder, which other users lack.
ENV PATH=/opt/matvir/.venv/bin:$PATH HOME=/tmp
WORKDIR /work
ENTRYPOINT ["matvir"]
