// @ts-check

/**
 * The entries of a version in the changelog, without its heading.
 *
 * @param {string} changelog
 * @param {string} version
 * @returns {string | undefined} undefined if the changelog does not have the version
 */
export function notesOf(changelog, version) {
  const sections = changelog.split(/^(?=## \[)/m);
  const section = sections.find((text) => text.startsWith(`## [${version}] - `));
  return section?.slice(section.indexOf('\n')).trim();
}

/**
 * @typedef {object} Release
 * @property {string} tag
 * @property {string} repository the address of the repository that has the tag
 * @property {string} version in package.json
 * @property {string | undefined} address in package.json
 * @property {string} changelog
 * @property {{ version: string, address: string | undefined }} client of the client package
 *
 * @param {Release} release
 * @returns {string[]} a line for each reason not to publish it
 */
export function faultsOfRelease({ tag, repository, version, address, changelog, client }) {
  const faults = [];
  if (tag !== `v${version}`)
    faults.push(`The tag is ${tag}, but package.json has the version ${version}.`);
  if (!notesOf(changelog, version))
    faults.push(`The changelog has no entries under "## [${version}] - YYYY-MM-DD".`);
  if (address === undefined)
    faults.push(`package.json has no address: run "npm run repository -- ${repository}".`);
  else if (address !== repository)
    faults.push(`The address in package.json is ${address}, but the tag is in ${repository}.`);
  if (client.version !== version)
    faults.push(`The client package has the version ${client.version}, and not ${version}.`);
  if (client.address !== address)
    faults.push(`The address in client/package.json is ${client.address}, and not ${address}.`);
  return faults;
}
