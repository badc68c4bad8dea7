# The server and its command line, with what they need at run time and nothing else. docs/operations.md says how to run it.

FROM node:24-bookworm-slim AS build
WORKDIR /src
# The manifests come first, so that a change of the sources installs nothing anew.
COPY .npmrc package.json package-lock.json ./
COPY packages/cli/package.json packages/cli/
COPY packages/dashboard/package.json packages/dashboard/
COPY packages/protocol/package.json packages/protocol/
COPY packages/sdk/package.json packages/sdk/
COPY packages/server/package.json packages/server/
COPY examples/express/package.json examples/express/
COPY examples/failed-run/package.json examples/failed-run/
COPY examples/hono/package.json examples/hono/
COPY examples/nextjs/package.json examples/nextjs/
COPY examples/node-http/package.json examples/node-http/
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/pack-server.mjs /opt/reprise

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    REPRISE_HOST=0.0.0.0 \
    REPRISE_DATA_DIR=/data
COPY --from=build /opt/reprise /opt/reprise
RUN ln -s /opt/reprise/bin/reprise /usr/local/bin/reprise \
    && install -d -o node -g node -m 0700 /data
WORKDIR /data
# The user `node` of the base, by number, so that Kubernetes can see that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "/opt/reprise/bin/health-check.mjs"]
# No shell stands between: SIGTERM reaches the server.
ENTRYPOINT ["node", "/opt/reprise/bin/reprise"]
CMD ["start"]
