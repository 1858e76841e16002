FROM node:24.11.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# better-sqlite3 comes prebuilt; the compiler is installed only where no prebuilt driver can be had.
RUN npm ci || { \
      apt-get update && \
      apt-get install -y --no-install-recommends python3 make g++ && \
      npm_config_nodedir="$(dirname "$(dirname "$(command -v node)")")" npm ci; \
    }
COPY tsconfig.json tsconfig.build.json ./
COPY src src
# What is left of compiling the driver (its sources and objects) is not needed to run it.
RUN npm run build && \
    npm prune --omit=dev && \
    find node_modules/better-sqlite3/build -name obj -prune -exec rm -rf {} + && \
    rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/src

# For the prober icmp. The copy has neither capabilities nor the setuid bit, with which it could not be started without
# NET_RAW: the kernel lets everybody ping whose group is in net.ipv4.ping_group_range. Its libraries are in the image.
# A mirror that lags or was frozen will do: what it says is signed all the same.
FROM node:24.11.1-bookworm-slim AS ping
RUN apt-get -o Acquire::Check-Valid-Until=false update && \
    apt-get install -y --no-install-recommends iputils-ping && \
    cp /usr/bin/ping /ping

FROM node:24.11.1-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=ping /ping /usr/bin/ping
RUN ["install", "-d", "-o", "1000", "-g", "1000", "-m", "0750", "/data"]
USER 1000:1000
VOLUME /data
EXPOSE 10464
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:10464/-/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# half of Node's default for short-lived objects: 20 MB less, and no slower
ENTRYPOINT ["node", "--max-semi-space-size=8", "/app/dist/main.js"]
CMD ["serve", "--config", "/etc/tocsin/tocsin.yml"]
