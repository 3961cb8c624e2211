// Uploads a file by tus-js-client, as an application would; prints its address.
import { createReadStream } from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint, project, path] = process.argv.slice(2);
const upload = new Upload(createReadStream(path), {
  endpoint,
  metadata: { project_id: project, filename: "Катя.mp4" },
  onSuccess: () => console.log(upload.url),
  onError: (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
});
upload.start();
